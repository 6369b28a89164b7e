// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"syscall"
	"time"
)

// threadTime returns the processor time that the thread has taken, which does not grow while others have the processor.
func threadTime() time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
