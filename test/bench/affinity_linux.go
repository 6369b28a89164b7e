// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// cores says which CPUs do what. With a single CPU server and client share it, and figures of throughput mean little.
type cores struct {
	server, client []int
	all            []int
}

// findCores divides the CPUs that this process may use: the first for servers, the second for the load generator.
func findCores() (cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return cores{}, err
	}
	var all []int
	for cpu := 0; len(all) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	c := cores{server: all[:1], client: all[:1], all: all}
	if len(all) > 1 {
		c.client, c.all = all[1:2], all[:2]
	}
	return c, nil
}

// pin binds one thread (0: the calling one) to the given CPUs. What it starts inherits them.
func pin(tid int, cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(tid, &set)
}

// pinSelf binds every thread that this process has so far; later ones inherit it.
func pinSelf(cpus []int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := pin(tid, cpus); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// threadCPU returns the processor time (user and system) that the calling thread has used.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// processCPU returns the processor time (user and system) of all threads of a process, ended ones included. It reads the
// kernel's clock for that process, which counts nanoseconds; /proc/PID/stat would count ticks of 10 ms.
func processCPU(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of the kernel's clock numbers: ^pid<<3 | which
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// raiseFileLimit raises the limit of open files as far as it may go and returns it. Children inherit it, as Go would otherwise
// hand them the original soft limit.
func raiseFileLimit() (int, error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, err
	}
	lim.Cur = lim.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, err
	}
	return int(min(lim.Cur, 1<<20)), nil
}
