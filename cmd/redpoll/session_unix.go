// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package main

import "syscall"

// ownSession has a process begin a session of its own, without a terminal.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
