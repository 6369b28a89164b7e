// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench measures on Linux only: it needs epoll, CPU affinity and /proc")
	os.Exit(1)
}
