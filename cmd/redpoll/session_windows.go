// SPDX-License-Identifier: BSD-3-Clause

package main

import "syscall"

// detachedProcess is Windows' DETACHED_PROCESS: the process has no console.
const detachedProcess = 0x8

// ownSession has a process begin a group of its own, without a console.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}
}
