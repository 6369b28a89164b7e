// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package main

import "syscall"

func ownSession() *syscall.SysProcAttr { return nil }
