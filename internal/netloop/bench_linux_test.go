// SPDX-License-Identifier: BSD-3-Clause

//go:build !portable

package netloop

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEcho measures a request of 40 bytes over TCP, in rounds in which every connection sends one. Beside the time,
// which includes the client's, it reports how long the loop itself was busy and how many requests an iteration served.
// Meaningful with two free cores.
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 50} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			g := start(b, 1, &server{accept: newEcho})
			to := &unix.SockaddrInet4{Port: listen(b, g, "tcp", "127.0.0.1:0").(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
			fds := make([]int, conns)
			for i := range fds {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					b.Fatal(err)
				}
				defer closeFD(fd)
				if err := unix.Connect(fd, to); err != nil {
					b.Fatal(err)
				}
				if err := socket(fd).setNoDelay(true); err != nil {
					b.Fatal(err)
				}
				fds[i] = fd
			}
			buf := make([]byte, 40)
			before := g.Loops()[0].Stats()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%conns != 0 { // an operation is one request, of a round of all connections
					continue
				}
				for _, fd := range fds {
					if _, err := unix.Write(fd, buf); err != nil {
						b.Fatal(err)
					}
				}
				for _, fd := range fds {
					if n, err := unix.Read(fd, buf); n != len(buf) {
						b.Fatal(n, err)
					}
				}
			}
			done := make(chan Stats, 1)
			l := g.Loops()[0]
			l.Post(func(r *Runner) {
				l.publish(l.mark)
				done <- l.Stats()
			})
			after := <-done
			b.ReportMetric(float64(after.BusyNs-before.BusyNs)/float64(b.N), "busy-ns/op")
			b.ReportMetric(float64(after.Iterations-before.Iterations)/float64(b.N), "iterations/op")
			b.ReportMetric(float64(after.Waits-before.Waits)/float64(b.N), "waits/op")
		})
	}
}
