// SPDX-License-Identifier: BSD-3-Clause

package server

import "github.com/redpoll/redpoll/internal/command"

// Family gives the commands of this package, which cannot be run.
func Family() command.Family { return (&Server{}).family() }
