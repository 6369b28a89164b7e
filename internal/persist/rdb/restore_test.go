// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/store"
)

// newCodec gives the codec of commands, as the server has it by default but for the version.
func newCodec(version int) *Codec {
	d := new(Codec)
	d.Version.Store(int64(version))
	d.Pack.Store(true)
	return d
}

// payloadOf gives what DUMP replies.
func payloadOf(t *testing.T, rig *commandtest.Rig, key string) string {
	t.Helper()
	v := rig.Call(t, "DUMP", key)
	if v.IsError() || v.Null {
		t.Fatalf("DUMP %s: %q", key, v.Str)
	}
	return v.Str
}

// TestRestoreWithoutMemory: the key is what it was until there is memory for all of the new value.
func TestRestoreWithoutMemory(t *testing.T) {
	rig := commandtest.NewRig(t, newCodec(NewestVersion).Family())
	const step = 48 << 10
	for _, key := range fill(rig.DB) {
		payload := payloadOf(t, rig, key)
		rig.DB.SetString([]byte("k"), []byte("the old value"), store.NoExpiry)
		refusals := 0
		for left := int64(0); ; left += step {
			rig.Arena.SetLimit(rig.Arena.InUse() + left)
			if !commandtest.Refused(func() { rig.Do(2, "RESTORE", "k", "0", payload, "REPLACE") }) {
				break
			}
			refusals++
			it, ok := rig.DB.Peek([]byte("k"))
			if !ok || it.Type() != store.TypeString || string(it.AppendText(nil)) != "the old value" {
				t.Fatalf("%s: the old value is gone with %d bytes left", key, left)
			}
		}
		rig.Arena.SetLimit(0)
		if refusals == 0 {
			t.Errorf("%s was never refused", key)
		}
		if got := payloadOf(t, rig, "k"); got != payload && !strings.Contains("set hash timed list", key) {
			t.Errorf("%s has changed on its way", key)
		}
		if a, b := len(payloadOf(t, rig, "k")), len(payload); a != b && key != "list" {
			t.Errorf("%s has %d bytes, and had %d", key, a, b)
		}
	}
}

// TestRestoreIsLogged with an absolute time, or as what it comes to.
func TestRestoreIsLogged(t *testing.T) {
	rig := commandtest.NewRig(t, newCodec(10).Family())
	now := rig.DB.Now()
	payload := string(AppendFooter([]byte("\x00\x01v"), 0, 10))
	for _, tc := range []struct {
		args    []string
		effects string
	}{
		{[]string{"0", payload}, ""}, // the command itself
		{[]string{"1000", payload, "replace"}, fmt.Sprint("RESTORE k ", now+1000, " ", payload, " replace ABSTTL")},
		{[]string{fmt.Sprint(now + 5), payload, "ABSTTL", "REPLACE"}, ""},
		{[]string{"1", payload, "ABSTTL", "REPLACE"}, "DEL k"},
		{[]string{"1", payload, "ABSTTL", "REPLACE"}, ""}, // nothing was there
	} {
		rig.Effects = nil
		v := rig.Call(t, append([]string{"RESTORE", "k"}, tc.args...)...)
		if got := strings.Join(rig.Effects, ";"); v.Str != "OK" || got != tc.effects {
			t.Errorf("RESTORE k %q: %q, the log gets %q, want %q", tc.args, v.Str, got, tc.effects)
		}
	}
}
