// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package main

import (
	"errors"
	"log/slog"
)

func openSyslog(int, string) (func(slog.Level, string), error) {
	return nil, errors.New("this system has no syslog")
}
