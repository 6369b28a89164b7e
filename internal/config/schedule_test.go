// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSchedule reads schedules, and follows them.
func TestSchedule(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.FixedZone("", 3600)
	}
	const form = "2006-01-02 15:04:05"
	for _, tc := range []struct{ text, shown, last, first, next string }{
		{"every 6h", "every 6h", "2026-11-27 17:00:01", "2026-11-27 17:00:01", "2026-11-27 23:00:01"},
		{"EVERY 90M", "every 90m", "2026-11-27 17:00:01", "2026-11-27 17:00:01", "2026-11-27 18:30:01"},
		{"every 48h", "every 2d", "2026-11-27 17:00:01", "2026-11-27 17:00:01", "2026-11-29 17:00:01"},
		{"daily 03:00", "daily 03:00", "2026-11-27 17:00:01", "2026-11-28 03:00:00", "2026-11-28 03:00:00"},
		{"daily 3:00", "daily 03:00", "2026-11-27 02:59:59", "2026-11-27 03:00:00", "2026-11-27 03:00:00"},
		{"daily 03:00", "daily 03:00", "2026-12-31 03:00:00", "2027-01-01 03:00:00", "2027-01-01 03:00:00"},
		{"Weekly Sun 23:59", "weekly sun 23:59", "2026-11-27 17:00:01", "2026-11-29 23:59:00", "2026-11-29 23:59:00"},
		{"weekly fri 17:00", "weekly fri 17:00", "2026-11-27 17:00:01", "2026-12-04 17:00:00", "2026-12-04 17:00:00"},
	} {
		s, err := readSchedule(strings.Fields(tc.text), Schedule{}, false)
		last, terr := time.ParseInLocation(form, tc.last, zone)
		if err != nil || terr != nil || s.Never() || formatSchedule(s) != tc.shown {
			t.Fatalf("%s: %v, %v, %s", tc.text, err, terr, formatSchedule(s))
		}
		if first, next := s.First(last).Format(form), s.Next(last).Format(form); first != tc.first || next != tc.next {
			t.Errorf("%s after %s is due at %s, first at %s", tc.text, tc.last, next, first)
		}
	}
	for _, text := range []string{"every", "every 0m", "every 6", "every h", "every 6s", "every -6h", "every 367d", "every 99999999999d", "daily", "daily 24:00",
		"daily 3", "daily 03:00 x", "weekly 03:00", "weekly someday 03:00", "weekly sun 3", "hourly 03:00", "6h"} {
		if _, err := readSchedule(strings.Fields(text), Schedule{}, false); err == nil {
			t.Errorf("%q is a schedule", text)
		}
	}
	if s, err := readSchedule([]string{""}, Schedule{every: time.Hour}, false); err != nil || !s.Never() || formatSchedule(s) != "" {
		t.Errorf("no schedule: %v, %v", s, err)
	}
}

// TestDirectivesOfBackups sets the directives of backups.
func TestDirectivesOfBackups(t *testing.T) {
	c := New()
	for _, tc := range []struct{ name, value, want string }{
		{"backup-schedule", "daily 3:05", "daily 03:05"},
		{"backup-schedule", "", ""},
		{"backup-keep", "3", "3"},
		{"backup-dir", "backups", "backups"},
		{"backup-sealed-ttl", "9", "9"},
		{"preload-file", "rdb:/x/dump.rdb", "rdb:/x/dump.rdb"},
		{"preload-file", "aof:x.aof", "aof:x.aof"},
		{"preload-file", "aof:/x/appendonly.aof.manifest", "aof:/x/appendonly.aof.manifest"},
		{"backup-schedule", "sometimes", "argument must be empty"},
		{"backup-keep", "0", "must be between 1 and"},
		{"preload-file", "aof:/x/foo", "preload-file must end with an extension"},
		{"preload-file", "rdb:/x/foo.aof", "preload-file must end with an extension"},
		{"preload-file", "rdb:", "argument must be in the format"},
		{"preload-file", "invalid:/x/foo.rdb", "argument must be in the format"},
		{"preload-file", "/x/foo.rdb", "argument must be in the format"},
		{"backupdirname", "nested/x", "backupdirname can't be a path, just a dirname"},
	} {
		err := c.Set(tc.name, tc.value)
		if err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %q: %v", tc.name, tc.value, err)
		}
		if got := c.Get(tc.name); err == nil && (len(got) != 1 || got[0].Value != tc.want) {
			t.Errorf("%s %q is %q", tc.name, tc.value, got)
		}
	}
	for _, name := range []string{"backupdirname", "preload-file", "backup-dir"} {
		if err := c.Update(Caller{}, []Param{{name, "x"}}); err == nil {
			t.Errorf("CONFIG SET may change %s", name)
		}
	}
	if aof, path := Preload("aof:a:b.aof"); !aof || path != "a:b.aof" {
		t.Errorf("%t, %s", aof, path)
	}
}

// TestPreloadIsForOneStart rewrites files: what a start was told to begin with does not get into one, or the next would go back to it.
func TestPreloadIsForOneStart(t *testing.T) {
	const preload = "preload-file rdb:/x/dump.rdb\n"
	for _, file := range []string{"", preload} {
		path := filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		c := New()
		if err := c.Load(Source{Path: path, Options: preload + "maxclients 99"}); err != nil {
			t.Fatal(err)
		}
		for _, all := range []bool{false, true} {
			if err := c.Rewrite(Rewriting{All: all}); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(text), "preload-file") != strings.Count(file, "preload-file") || !strings.Contains(string(text), "maxclients 99\n") {
				t.Errorf("%q became\n%s", file, text)
			}
		}
	}
}
