// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package netloop

import (
	"errors"
	"runtime"
	"syscall"
)

// errSystem is what New returns: there is a poller for Linux only. What follows lets the package compile elsewhere.
var errSystem = errors.New("netloop: no event loop for " + runtime.GOOS)

const (
	pollRead = 1 << iota
	pollWrite
	pollHangup
	pollDead

	wakeSlot = int32(-1)
)

func listenerSlot(index int) int32 { return wakeSlot - 1 - int32(index) }
func listenerIndex(slot int32) int { return int(wakeSlot - 1 - slot) }

type pollEvent struct{}

func eventTarget(*pollEvent) (slot int32, gen uint32) { return wakeSlot, 0 }
func eventReady(*pollEvent) uint32                    { return 0 }

type poller struct{}

func (p *poller) open() error                       { return errSystem }
func (p *poller) close()                            {}
func (p *poller) watch(*Conn, uint32) error         { return errSystem }
func (p *poller) forget(*Conn)                      {}
func (p *poller) addFD(int, int32) error            { return errSystem }
func (p *poller) removeFD(int)                      {}
func (p *poller) peek() []pollEvent                 { return nil }
func (p *poller) doze() []pollEvent                 { return nil }
func (p *poller) wait(int64) []pollEvent            { return nil }
func (p *poller) writev(int, [][]byte) (int, error) { return 0, errSystem }
func (p *poller) wake()                             {}
func sockRead(int, []byte) (int, error)             { return 0, errSystem }
func sockWrite(int, []byte) (int, error)            { return 0, errSystem }
func closeFD(int)                                   {}
func sockNoDelay(int, bool) error                   { return errSystem }
func sockKeepAlive(int, int) error                  { return errSystem }
func takeFD(syscall.Conn, int) (int, error)         { return -1, errSystem }
func localAddr(int) string                          { return "" }
func (ln *listener) accept() (*Conn, acceptResult)  { return nil, acceptNone }
