// SPDX-License-Identifier: BSD-3-Clause

//go:build linux || darwin

package server

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTimes gives the CPU time that the process, or with children its ended children, took in the kernel and outside.
func cpuTimes(children bool) (system, user time.Duration) {
	who := unix.RUSAGE_SELF
	if children {
		who = unix.RUSAGE_CHILDREN
	}
	var usage unix.Rusage
	if unix.Getrusage(who, &usage) != nil {
		return 0, 0
	}
	return time.Duration(usage.Stime.Nano()), time.Duration(usage.Utime.Nano())
}

// osName names the system as uname does.
func osName() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:]) + " " +
		unix.ByteSliceToString(name.Machine[:])
}

// raiseFileLimit makes the number of files that the process may have open at least want, if the system allows it. It
// gives the number before and after.
func raiseFileLimit(want uint64) (before, after uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, err
	}
	if limit.Cur >= want {
		return limit.Cur, limit.Cur, nil
	}
	raised := unix.Rlimit{Cur: want, Max: max(limit.Max, want)}
	if err = unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err == nil {
		return limit.Cur, want, nil
	}
	if most := (unix.Rlimit{Cur: limit.Max, Max: limit.Max}); limit.Max > limit.Cur && unix.Setrlimit(unix.RLIMIT_NOFILE, &most) == nil {
		return limit.Cur, limit.Max, err
	}
	return limit.Cur, limit.Cur, err
}

// processLives tells whether there is a process with a number.
func processLives(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
