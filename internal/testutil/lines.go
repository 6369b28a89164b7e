// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bytes"
	"strings"
	"sync"
)

// Lines collects a log. Any goroutine may use it; the zero value is empty.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

// Write adds to the log.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String gives all of the log.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Has tells whether a text is in the log.
func (l *Lines) Has(text string) bool { return strings.Contains(l.String(), text) }
