// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// backupTable has the directives of backups.
func backupTable() []Directive {
	const own = "Redis has no such directive"
	return []Directive{
		{Name: "backupdirname", Kind: String, Flags: Immutable, Default: "backupdir", check: fileName("backupdirname", "dirname", false),
			Doc: "directory, in dir, of the files that BACKUP makes"},
		{Name: "backup-sealed-ttl", Kind: Int, Max: maxI32, Default: "0",
			Doc: "seconds after which the files of a sealed BACKUP are removed, 0 for never"},
		{Name: "preload-file", Kind: String, Flags: Immutable | Once, check: preloadFile, Here: "CONFIG REWRITE does not add it to the file",
			Doc: "file that the server starts from instead of its own: rdb:path or aof:path"},
		{Name: "backup-dir", Kind: String, Flags: Protected, Here: own + "; a relative one is in dir",
			Doc: "directory that has a directory for each scheduled backup"},
		{Name: "backup-schedule", Kind: Special, Default: `""`, make: special(readSchedule, formatSchedule), Here: own,
			Doc: "when to make a backup in backup-dir: every 6h, daily 03:00, weekly sun 03:00, or nothing for never"},
		{Name: "backup-keep", Kind: Int, Min: 1, Max: maxI32, Default: "7", Here: own,
			Doc: "scheduled backups that are kept; the oldest is removed when there are more"},
	}
}

// preloadFile checks what a server is to start from.
func preloadFile(_, s string) (string, error) {
	if s == "" {
		return s, nil
	}
	form, path, _ := strings.Cut(s, ":")
	endings, ok := map[string][]string{"rdb": {".rdb"}, "aof": {".manifest", ".aof"}}[form]
	switch {
	case !ok || path == "":
		return "", errors.New("argument must be in the format 'rdb:<path>' or 'aof:<path>'")
	case !slices.Contains(endings, filepath.Ext(path)):
		return "", errors.New("preload-file must end with an extension: .rdb, or for aof .manifest or .aof")
	}
	return s, nil
}

// Preload takes the value of preload-file apart: whether it is a file of the append-only form, and its path.
func Preload(value string) (aof bool, path string) {
	form, path, _ := strings.Cut(value, ":")
	return form == "aof", path
}
