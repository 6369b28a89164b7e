// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"strconv"
	"strings"
)

// titleArea is where the kernel looks for the command line of the process: the memory of its arguments and, behind it, of its
// environment, of both of which Go has made copies (main of its arguments).
type titleArea struct {
	start, args, all int64 // where it begins; bytes of the arguments; bytes in all
	written          int   // bytes written before
}

// findTitle gives the area, nil when the system does not tell.
func findTitle() *titleArea {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil
	}
	// The program's name is in brackets and may have spaces in it. The fields are numbered from 1; behind it comes the third.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	const first, argStart = 3, 48
	if len(fields) <= argStart+3-first {
		return nil
	}
	var at [4]int64 // of the arguments and of the environment, the beginning and the end
	for i := range at {
		if at[i], err = strconv.ParseInt(fields[argStart-first+i], 10, 64); err != nil || at[i] == 0 {
			return nil
		}
	}
	a := &titleArea{start: at[0], args: at[1] - at[0], all: at[1] - at[0]}
	if at[1] == at[2] {
		a.all = at[3] - at[0]
	}
	return a
}

// write puts a title there, as much of it as there is room for. One that is longer than the arguments were goes on where the
// environment was, which the kernel knows by the missing zero byte at the end of the arguments.
func (a *titleArea) write(title string) error {
	title = title[:min(len(title), int(a.all)-1)]
	text := make([]byte, max(len(title)+1, int(a.args), a.written))
	copy(text, title)
	a.written = len(title) + 1
	mem, err := os.OpenFile("/proc/self/mem", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = mem.WriteAt(text, a.start)
	if cerr := mem.Close(); err == nil {
		err = cerr
	}
	return err
}
