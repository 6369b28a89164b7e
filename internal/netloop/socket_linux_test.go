// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSocketOptions(t *testing.T) {
	type option struct{ level, name int }
	read := make(chan map[option]int, 1)
	s := &server{accept: func(_ *Runner, c *Conn) Session {
		got := map[option]int{}
		for _, o := range []option{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		} {
			got[o], _ = unix.GetsockoptInt(c.FD(), o.level, o.name)
		}
		if err := errors.Join(c.SetNoDelay(false), c.SetKeepAlive(60)); err != nil {
			t.Error(err)
		}
		idle, _ := unix.GetsockoptInt(c.FD(), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
		delay, _ := unix.GetsockoptInt(c.FD(), unix.IPPROTO_TCP, unix.TCP_NODELAY)
		if idle != 60 || delay != 0 {
			t.Errorf("after the setters: idle %d, no delay %d", idle, delay)
		}
		read <- got
		return nil
	}}
	checkLeaks(t)
	g, err := New(Options{Loops: 1, Handler: s, Mono: func() int64 { return time.Now().UnixNano() }, TCPKeepAlive: 300})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	g.Start()
	dial(t, listen(t, g, "tcp", "127.0.0.1:0"))
	for o, v := range receive(t, "options", read) {
		if v == 0 || o.name == unix.TCP_KEEPIDLE && o.level == unix.IPPROTO_TCP && v != 300 {
			t.Errorf("option %v is %d", o, v)
		}
	}
}
func TestIdleConnectionsAreCheap(t *testing.T) {
	g := start(t, 2, &server{accept: func(_ *Runner, c *Conn) Session { return &funcs{} }})
	addr := listen(t, g, "tcp", "127.0.0.1:0")
	const n = 3000
	to := &unix.SockaddrInet4{Port: addr.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all accepted", func() bool { return g.Accepted() == n })
	per := int64(heap()-before) / n
	t.Logf("%d bytes a connection", per)
	if per > idleBytes {
		t.Errorf("an idle connection takes %d bytes of heap", per)
	}
}

func TestOutOfDescriptors(t *testing.T) {
	g := start(t, 1, &server{accept: newEcho})
	addr := listenUnix(t, g)
	first := dial(t, addr)
	ask(t, first, "hello")
	clientFD, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	client := os.NewFile(uintptr(clientFD), "client")
	defer client.Close()

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 3 // all that are open stay
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	restore := sync.OnceFunc(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	})
	defer restore()
	if err := unix.Connect(clientFD, &unix.SockaddrUnix{Name: addr.String()}); err != nil {
		t.Fatal(err)
	}
	l := g.Loops()[0]
	await(t, "the listener rests", func() bool {
		resting := make(chan int, 1)
		l.Post(func(*Runner) { resting <- len(l.resting) })
		return <-resting == 1
	})
	await(t, "sleep", l.sleeping.Load)
	before, since := l.Stats().Iterations, g.opts.Mono()
	ask(t, first, "others are served")
	tries := uint64((g.opts.Mono() - since) / acceptPause)
	if n := l.Stats().Iterations - before; n > 20+2*tries {
		t.Errorf("%d iterations: the loop spins", n)
	}
	restore()
	if _, err := client.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "late" {
		t.Errorf("read %q, %v", got, err)
	}
}
