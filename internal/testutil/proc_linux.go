// SPDX-License-Identifier: BSD-3-Clause

package testutil

import "syscall"

// dieWithParent makes the kernel end the server with the test, so that a killed test leaves nothing running.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
