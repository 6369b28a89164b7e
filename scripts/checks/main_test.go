// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: SKIPPED, redis is missing\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:9: n/a: needs the invariants build\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"skip","Package":"p","Test":"FuzzD/seed#1"}
{"Action":"skip","Package":"nofiles"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`

func TestReport(t *testing.T) {
	var out strings.Builder
	r := report{out: &out, output: map[string][]string{}}
	if err := r.read(strings.NewReader(events)); err != nil || r.failed {
		t.Fatal(err, r.failed)
	}
	if !r.close(true) || r.close(false) {
		t.Error("a skipped check must fail exactly when checks are required")
	}
	want := "ok  \tp\t0.1s\nSKIP p TestA: SKIPPED, redis is missing\nSKIP p TestB: n/a: needs the invariants build\n"
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReportFailure(t *testing.T) {
	var out strings.Builder
	r := report{out: &out, output: map[string][]string{}}
	err := r.read(strings.NewReader(`{"Action":"output","Package":"p","Test":"TestX","Output":"    x_test.go:1: bad\n"}
{"Action":"fail","Package":"p","Test":"TestX"}
go: not an event
`))
	if err != nil || !r.failed || out.String() != "    x_test.go:1: bad\ngo: not an event\n" {
		t.Errorf("%v %v %q", err, r.failed, out.String())
	}
	r.skipped = []string{"p TestB: n/a: other platform"}
	if r.close(true) {
		t.Error("what does not apply is not a failure")
	}
}
