// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package config

// SyncDir does nothing where a directory cannot be opened.
func SyncDir(string) error { return nil }
