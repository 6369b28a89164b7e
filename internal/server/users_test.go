// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestUserLines starts servers with lines user: those that say what is so anyway are taken.
func TestUserLines(t *testing.T) {
	const fooHash = "#2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	for _, test := range []struct{ lines, refusal string }{
		{"user default on nopass ~* &* +@all", ""},
		{"user default on nopass sanitize-payload allkeys allchannels allcommands", ""},
		{"requirepass foo\nuser default on " + fooHash + " ~* &* +@all", ""},
		{"user default on " + strings.ToUpper(fooHash) + " ~* &* +@all\nrequirepass foo", ""},
		{"user default on " + fooHash + " ~* &* +@all", "has the password of requirepass"},
		{"user default on ~* &* +@all", "is to be set by requirepass"},
		{"requirepass bar\nuser default on " + fooHash + " ~* &* +@all", "has the password of requirepass"},
		{"requirepass foo\nuser default on nopass ~* &* +@all", "the user default has that password"},
		{"user default off nopass ~* &* +@all", "may do everything"},
		{"user default on nopass ~a* &* +@all", "may do everything"},
		{"user default on nopass ~* &* +@all -flushall", "may do everything"},
		{"user alice on nopass ~* &* +@all", "no ACL users"},
	} {
		cfg := config.New()
		err := cfg.Load(config.Source{Options: test.lines + "\nport 0\nbind 127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.Start(server.Options{Config: cfg})
		if err == nil {
			testutil.Dial(t, "tcp", s.Addrs()[0].String())
			s.Close()
		}
		if (err == nil) != (test.refusal == "") || err != nil && !strings.Contains(err.Error(), test.refusal) {
			t.Errorf("%s: %v, want %q", test.lines, err, test.refusal)
		}
	}
}
