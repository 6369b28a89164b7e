// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// luaTime is how long a script of a test may take in lua5.1.
const luaTime = time.Minute

// Lua runs a script in Debian's lua5.1, the original that internal/lua is held against, under the chunk name "stdin", and returns what it
// printed to its standard output. A script that ends with an error, or takes a minute, fails the test.
func Lua(t testing.TB, script string) string {
	t.Helper()
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		Missing(t, "lua5.1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), luaTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-")
	cmd.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lua5.1: %v: %s", err, stderr.Bytes())
	}
	return string(out)
}
