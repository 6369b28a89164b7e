// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
)

// TestCloseWaitsForWork: the memory of a server is there as long as somebody works on it whose command has ended.
func TestCloseWaitsForWork(t *testing.T) {
	cfg := config.New()
	if err := cfg.Load(config.Source{Options: "port 0\nbind 127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	release, done := make(chan struct{}), atomic.Bool{}
	err = s.Aside(func() {
		<-release
		for range 1000 {
			runtime.Gosched()
		}
		done.Store(true)
	})
	if err == nil {
		t.Error("the command has waited")
	}
	go func() {
		<-s.Stopped()
		close(release)
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !done.Load() {
		t.Error("the server was closed under somebody's hands")
	}
}
