// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/commandtest"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/testutil"
)

// defaults are the limits that tests start from.
func defaults() session.Limits {
	return session.Limits{MaxClients: 10000, QueryBuffer: 1 << 30, MaxBulk: 512 << 20}
}

// field reads a number out of a line of CLIENT LIST.
func field(t testing.TB, line, name string) int {
	t.Helper()
	m := regexp.MustCompile(` ` + name + `=(-?\d+)`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("no number %s in %q", name, line)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func TestSpecs(t *testing.T) {
	r, err := command.NewRegistry(session.Family())
	if err != nil {
		t.Fatal(err)
	}
	commandtest.CompareSpecs(t, r, testutil.Oracle(t))
}

// TestInfoFields holds the names and the order of the fields of CLIENT INFO against Redis's.
func TestInfoFields(t *testing.T) {
	names := func(c *testutil.Client) string {
		c.Must(t, "CLIENT", "SETNAME", "me")
		return regexp.MustCompile(`=\S*`).ReplaceAllString(c.Must(t, "CLIENT", "INFO").Str, "")
	}
	want := strings.NewReplacer("\n", " lib-name lib-ver io-thread tot-net-in tot-net-out tot-cmds capa\n", " multi ", " multi watch ").
		Replace(names(testutil.Oracle(t).Dial(t)))
	if got := names(start(t, options{}).dial()); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestClientList(t *testing.T) {
	r := start(t, options{loops: 2})
	a, b := r.dial(), r.dial()
	id := b.Must(t, "CLIENT", "ID").Int
	b.Must(t, "SELECT", "3")
	b.Must(t, "HELLO", "3", "SETNAME", "bee")
	b.Must(t, "CLIENT", "SETINFO", "lib-name", "lib")
	b.Must(t, "CLIENT", "SETINFO", "LIB-VER", "1.2")
	b.Must(t, "CLIENT", "NO-EVICT", "on")
	b.Must(t, "WATCH", "k")
	b.Must(t, "MULTI")
	b.Must(t, "SET", "abc", "defg")
	a.Must(t, "SELECT", "3")
	a.Must(t, "SET", "k", "v")
	line := a.Must(t, "CLIENT", "LIST", "ID", fmt.Sprint(id)).Str
	for _, want := range []string{
		fmt.Sprintf("id=%d addr=127.0.0.1:", id), " laddr=" + r.addr + " ", " name=bee ", " flags=xde ", " db=3 ", " multi=1 watch=1 ",
		" multi-mem=10 ", " cmd=set ", " user=default redir=-1 resp=3 lib-name=lib lib-ver=1.2 io-thread=",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %q", want, line)
		}
	}
	if n := strings.Count(a.Must(t, "CLIENT", "LIST").Str, "\n"); n != 2 {
		t.Errorf("%d clients", n)
	}
	if s := a.Must(t, "CLIENT", "LIST", "TYPE", "pubsub").Str; s != "" {
		t.Errorf("subscribers: %q", s)
	}
	if s := a.Must(t, "CLIENT", "LIST", "TYPE", "Normal").Str; !strings.Contains(s, "cmd=client|list") {
		t.Errorf("the caller: %q", s)
	}
	if s := a.Must(t, "CLIENT", "LIST", "ID", "99", "98").Str; s != "" {
		t.Errorf("nobody: %q", s)
	}
	b.Must(t, "RESET")
	line = a.Must(t, "CLIENT", "LIST", "ID", fmt.Sprint(id)).Str
	if !strings.Contains(line, " name= ") || !strings.Contains(line, " flags=N db=0 ") || !strings.Contains(line, "resp=2 lib-name=lib") {
		t.Errorf("after RESET: %q", line)
	}
}

func TestClientKill(t *testing.T) {
	r := start(t, options{loops: 2})
	a := r.dial()
	self := a.Must(t, "CLIENT", "ID").Int
	info := func(c *testutil.Client) (id int64, addr string) {
		l := c.Must(t, "CLIENT", "INFO").Str
		return int64(field(t, "\n "+l, "id")), regexp.MustCompile(` addr=(\S+)`).FindStringSubmatch(l)[1]
	}
	victims := make([]*testutil.Client, 6)
	for i := range victims {
		victims[i] = r.dial()
		victims[i].Must(t, "PING")
	}
	id, _ := info(victims[0])
	if v := a.Must(t, "CLIENT", "KILL", "ID", fmt.Sprint(id)); v.Int != 1 {
		t.Errorf("KILL ID: %v", v)
	}
	expectClosed(t, victims[0])
	if v := a.Must(t, "CLIENT", "KILL", "ID", fmt.Sprint(id)); v.Int != 0 {
		t.Errorf("KILL ID of one who is gone: %v", v)
	}
	_, addr := info(victims[1])
	if v := a.Must(t, "CLIENT", "KILL", addr); v.Str != "OK" {
		t.Errorf("KILL: %v", v)
	}
	expectClosed(t, victims[1])
	_, addr = info(victims[2])
	if v := a.Must(t, "CLIENT", "KILL", "ADDR", addr, "TYPE", "normal", "USER", "default", "LADDR", r.addr); v.Int != 1 {
		t.Errorf("KILL with all filters: %v", v)
	}
	expectClosed(t, victims[2])
	if v := a.Must(t, "CLIENT", "KILL", "TYPE", "replica"); v.Int != 0 {
		t.Errorf("KILL TYPE replica: %v", v)
	}
	if v := a.Must(t, "CLIENT", "KILL", "LADDR", r.addr); v.Int != 3 {
		t.Errorf("KILL LADDR: %v", v)
	}
	for _, v := range victims[3:] {
		expectClosed(t, v)
	}
	if n := strings.Count(a.Must(t, "CLIENT", "LIST").Str, "\n"); n != 1 {
		t.Errorf("%d clients are left", n)
	}
	if err := a.SendRaw(append(line("CLIENT", "KILL", "ID", fmt.Sprint(self), "SKIPME", "no"), line("INCR", "after")...)); err != nil {
		t.Fatal(err)
	}
	if reply, err := a.Receive(); err != nil || reply.Value.Int != 1 {
		t.Fatalf("KILL of oneself: %q %v", reply.Raw, err)
	}
	expectClosed(t, a)
	if v := r.dial().Must(t, "GET", "after"); !v.Null {
		t.Error("a command behind the kill was run")
	}
}

// TestKilledRunsNothing proves that no command of a killed client begins once the killer has its reply.
func TestKilledRunsNothing(t *testing.T) {
	r := start(t, options{loops: 2})
	killer := r.dial()
	for range 50 {
		victim := r.tcp()
		send(t, victim, line("CLIENT", "ID"))
		id := strings.TrimSpace(readN(t, victim, 4))[1:]
		killer.Must(t, "CLIENT", "KILL", "ID", id)
		_, _ = victim.Write(line("INCR", "n"))
		readAll(t, victim)
		victim.Close()
	}
	if v := killer.Must(t, "GET", "n"); !v.Null {
		t.Errorf("%s commands of killed clients were run", v.Str)
	}
}

func TestClientReply(t *testing.T) {
	r := start(t, options{})
	for _, c := range []struct{ in, out string }{
		{"CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n"},
		{"CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n", "$1\r\na\r\n"},
		{"CLIENT REPLY SKIP\r\nNOSUCH\r\nECHO a\r\n", "$1\r\na\r\n"},
		{"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n", "$1\r\na\r\n"},
		{"CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO a\r\n", "+OK\r\n$1\r\na\r\n"},
		{"CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\nCLIENT REPLY ON\r\n", "+OK\r\n"},
		{"CLIENT REPLY SKIP\r\nMULTI\r\nPING\r\nEXEC\r\n", "+QUEUED\r\n*1\r\n+PONG\r\n"},
		{"CLIENT REPLY SKIP\r\nPANIC k\r\nECHO a\r\n", "$1\r\na\r\n"},
		{"CLIENT REPLY OFF\r\nRESET\r\nECHO a\r\n", "+RESET\r\n$1\r\na\r\n"},
		{"CLIENT REPLY maybe\r\n", "-ERR syntax error\r\n"},
	} {
		conn := r.tcp()
		send(t, conn, []byte(c.in+"QUIT\r\n"))
		if got := readAll(t, conn); got != c.out+"+OK\r\n" {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.out+"+OK\r\n")
		}
	}
	conn := r.tcp()
	send(t, conn, []byte("CLIENT REPLY OFF\r\nPING\r\nQUIT\r\n"))
	if got := readAll(t, conn); got != "" {
		t.Errorf("QUIT of a mute client: %q", got)
	}
}

func TestAuth(t *testing.T) {
	r := start(t, options{})
	old := r.dial()
	old.Must(t, "PING")
	r.setPassword("secret")
	old.Must(t, "PING") // who is in stays in
	c := r.dial()
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"PING"}, "NOAUTH Authentication required."},
		{[]string{"AUTH", "wrong"}, "WRONGPASS invalid username-password pair or user is disabled."},
		{[]string{"AUTH", "nobody", "secret"}, "WRONGPASS invalid username-password pair or user is disabled."},
		{[]string{"AUTH", "default", "secret"}, "OK"},
		{[]string{"AUTH", "wrong"}, "WRONGPASS invalid username-password pair or user is disabled."},
		{[]string{"PING"}, "PONG"},
		{[]string{"RESET"}, "RESET"},
		{[]string{"PING"}, "NOAUTH Authentication required."},
		{[]string{"HELLO", "3", "AUTH", "default", "wrong"}, "WRONGPASS invalid username-password pair or user is disabled."},
		{[]string{"AUTH", "secret"}, "OK"},
	} {
		v, err := c.Do(step.args...)
		if err != nil || v.Str != step.want {
			t.Errorf("%q: %q %v, want %q", step.args, v.Str, err, step.want)
		}
	}
	waiting := r.dial()
	if v, _ := waiting.Do("PING"); !v.IsError() {
		t.Error("no password was asked for")
	}
	r.setPassword("")
	waiting.Must(t, "PING")
}

// TestAuthInAPipeline has what is allowed change in the middle of what was read at once.
func TestAuthInAPipeline(t *testing.T) {
	r := start(t, options{})
	r.setPassword("secret")
	eleven := string(line("DEL", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"))
	c := r.tcp()
	send(t, c, []byte("AUTH secret\r\n"+eleven+"RESET\r\nPING\r\n"+eleven+"PING\r\n"))
	want := "+OK\r\n:0\r\n+RESET\r\n-NOAUTH Authentication required.\r\n-ERR Protocol error: unauthenticated multibulk length\r\n"
	if got := readAll(t, c); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMaxClients(t *testing.T) {
	r := start(t, options{loops: 2})
	limits := defaults()
	limits.MaxClients = 2
	r.hub.SetLimits(limits)
	a, b := r.dial(), r.dial()
	a.Must(t, "PING")
	b.Must(t, "PING")
	if got := readAll(t, r.tcp()); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("got %q", got)
	}
	a.Close()
	testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 1 })
	r.dial().Must(t, "PING")
	if open, accepted, rejected := r.hub.Counts(); open != 2 || accepted != 4 || rejected != 1 {
		t.Errorf("%d open, %d accepted, %d refused", open, accepted, rejected)
	}
}

func TestIdleTimeout(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{loops: 2, clock: fake})
	limits := defaults()
	limits.Timeout = int64(10 * time.Second)
	r.hub.SetLimits(limits)
	busy, idle, parked, holder, listener := r.dial(), r.dial(), r.dial(), r.dial(), r.dial()
	idle.Must(t, "PING")
	listener.Must(t, "SUBSCRIBE", "x")
	if err := holder.Send("HOLD", "k"); err != nil {
		t.Fatal(err)
	}
	<-r.began
	fake.Advance(10 * time.Millisecond) // long enough for HOLD to leave its loop
	if err := parked.Send("GET", "k"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Stats.Parked.Load() > 0 })
	for range 5 {
		busy.Must(t, "PING")
		fake.Advance(4 * time.Second)
	}
	expectClosed(t, idle)
	if n := field(t, busy.Must(t, "CLIENT", "LIST", "TYPE", "PUBSUB").Str, "idle"); n < 15 {
		t.Errorf("who hears nothing is idle for %d s", n)
	}
	busy.Must(t, "PUBLISH", "x", "news")
	hears(t, listener, "news") // who listens is never idle for too long
	if n := field(t, busy.Must(t, "CLIENT", "LIST", "TYPE", "PUBSUB").Str, "idle"); n != 0 {
		t.Errorf("who has just heard something is idle for %d s", n)
	}
	r.release <- struct{}{}
	for _, c := range []*testutil.Client{holder, parked} { // who waits for the server is not idle
		if _, err := c.Receive(); err != nil {
			t.Error(err)
		}
	}
}

func TestOutputLimits(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{clock: fake})
	limits := defaults()
	limits.Normal = session.OutputLimit{Hard: 20 << 20, Soft: 6 << 20, Period: int64(5 * time.Second)}
	r.hub.SetLimits(limits)
	hard := r.tcp()
	send(t, hard, line("BIG", "50000000"))
	testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 0 })
	soft := r.dial()
	if err := soft.Send("BIG", "19000000"); err != nil { // much more than the sockets have room for
		t.Fatal(err)
	}
	other := r.dial()
	other.Must(t, "PING")
	fake.Advance(3 * time.Second)
	other.Must(t, "PING")
	if open, _, _ := r.hub.Counts(); open != 2 {
		t.Errorf("%d clients are left", open)
	}
	testutil.Poll(t, patience, func() bool {
		fake.Advance(2 * time.Second)
		other.Must(t, "PING")
		open, _, _ := r.hub.Counts()
		return open == 1
	})
	if !r.log.Has("output buffer limits") {
		t.Error("nothing in the log")
	}
}

func TestProtectedMode(t *testing.T) {
	for _, c := range []struct {
		remote   string
		unix     bool
		password string
		denied   bool
	}{
		{"127.0.0.1:5", false, "", false},
		{"127.3.2.1:5", false, "", false},
		{"[::1]:5", false, "", false},
		{"s.sock:0", true, "", false},
		{"10.0.0.1:5", false, "", true},
		{"[fe80::1]:5", false, "", true},
		{"10.0.0.1:5", false, "secret", false},
	} {
		if got := session.Denies(c.remote, c.unix, c.password, true); got != c.denied {
			t.Errorf("%+v: %v", c, got)
		}
		if session.Denies(c.remote, c.unix, c.password, false) {
			t.Errorf("%+v: denied although it is off", c)
		}
	}
}
