// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package config

import "os"

// syncDir has the disk keep which files a directory has.
func syncDir(dir string) error {
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
