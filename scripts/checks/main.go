// SPDX-License-Identifier: BSD-3-Clause

// Command checks runs go test and says plainly what go test only says with -v: which checks were skipped and why. Its
// arguments are go test's, and it runs in the current directory. Failures are printed with their output, passed packages with
// one line. With REDPOLL_CHECKS_REQUIRED=1 a skipped check is a failure, unless its reason begins with "n/a:" (the check does not
// apply to this build or platform, and nothing that could be installed would change that).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	failed, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// run says whether a test failed, or was skipped though nothing may be.
func run(args []string, out io.Writer) (failed bool, err error) {
	// A package that hangs has its stacks printed after a while; one that is only slow is let be.
	cmd := exec.Command("go", append([]string{"test", "-json", "-timeout", "60m"}, args...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	r := report{out: out, output: map[string][]string{}}
	if err := r.read(pipe); err != nil {
		return false, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.failed, err = true, nil
	}
	return r.close(os.Getenv("REDPOLL_CHECKS_REQUIRED") == "1") || r.failed, err
}

// An event is one line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// A report follows the events of one go test.
type report struct {
	out     io.Writer
	output  map[string][]string // by package and test, until it is known whether somebody wants it
	skipped []string
	failed  bool
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(r.out, lines.Text()) // not from a test
			continue
		}
		r.add(e)
	}
	return lines.Err()
}

func (r *report) add(e event) {
	name := e.Package + "\x00" + e.Test
	switch e.Action {
	case "output":
		r.output[name] = append(r.output[name], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.failed = true
	case "fail":
		r.failed = true
		fmt.Fprint(r.out, strings.Join(r.output[name], ""))
	case "skip":
		if e.Test != "" && !seed(e.Test) {
			r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(r.output[name])))
		}
	case "pass":
		if e.Test == "" {
			fmt.Fprint(r.out, lastLine(r.output[name]))
		}
	}
	if e.Action != "output" {
		delete(r.output, name)
	}
}

// seed says whether the test is one input of a fuzz target: leaving one out skips no check.
func seed(test string) bool { return strings.HasPrefix(test, "Fuzz") && strings.Contains(test, "/") }

// reason finds what the test said when it gave up: the line that begins with its file.
func reason(output []string) string {
	for _, line := range output {
		if _, text, ok := strings.Cut(strings.TrimSpace(line), ".go:"); ok {
			_, text, _ = strings.Cut(text, ": ")
			return text
		}
	}
	return "no reason given"
}

func lastLine(output []string) string {
	if len(output) == 0 {
		return ""
	}
	return output[len(output)-1]
}

// close lists the skipped checks and says whether that is a failure.
func (r *report) close(required bool) (failed bool) {
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "SKIP", s)
		if required && !strings.Contains(s, ": n/a:") {
			failed = true
		}
	}
	if failed {
		fmt.Fprintln(r.out, "FAIL: REDPOLL_CHECKS_REQUIRED=1, and checks were skipped")
	}
	return failed
}
