// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package disk

import "os"

// syncDir forces a directory to the disk.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
