// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package config

import "os"

// SyncDir has the disk keep which files a directory has.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
