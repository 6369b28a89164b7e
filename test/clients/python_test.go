// SPDX-License-Identifier: BSD-3-Clause

package clients

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// python is Debian's, for which its package python3-redis is made.
const python = "/usr/bin/python3"

// TestPython runs the programs of python/, which check themselves, and proves by a real redis-server that they are right to.
func TestPython(t *testing.T) {
	if out, err := exec.Command(python, "-c", "import redis, celery, sqlite3").CombinedOutput(); err != nil {
		testutil.Missing(t, "redis-py and Celery for "+python+" (Debian's packages python3-redis and python3-celery): "+string(out))
	}
	bin, args := testutil.RedpollBinary(t)
	programs, err := filepath.Glob("python/*.py")
	if err != nil || len(programs) != 13 {
		t.Fatal(programs, err)
	}
	for _, program := range programs {
		t.Run(filepath.Base(program), func(t *testing.T) {
			t.Parallel()
			run(t, program, bin, args...)
		})
		if filepath.Base(program) != "devices.py" { // whose commands are newer
			t.Run(filepath.Base(program)+" on Redis", func(t *testing.T) {
				t.Parallel()
				run(t, program, testutil.OracleBinary(t))
			})
		}
	}
}

// run runs a program with a server of its own.
func run(t *testing.T, program, bin string, args ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(testutil.Process(t, bin, args...).Addr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-B", program, host, port).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
