// SPDX-License-Identifier: BSD-3-Clause

package eventlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience // for what must come at once

// TestEventLog runs on a real redis-server too, which proves the expectations.
func TestEventLog(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", protocol), func(t *testing.T) {
			bin, args := testutil.RedpollBinary(t)
			all(t, testutil.Process(t, bin, args...).Addr, protocol)
		})
	}
	t.Run("Redis", func(t *testing.T) { all(t, testutil.Process(t, testutil.OracleBinary(t)).Addr, 2) })
}

func all(t *testing.T, addr string, protocol int) {
	client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol, ContextTimeoutEnabled: true, PoolSize: 40, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	pages(t, &Log{client, "pages"})
	followed(t, &Log{client, "followed"})
	between(t, &Log{client, "between"})
	takenOver(t, &Log{client, "taken over"})
	shared(t, &Log{client, "shared"})
	given(t, &Log{client, "given up"})
}

func numbers(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprint("event", i))
	}
	return texts
}

func textsOf(list []Event) (texts []string) {
	for _, e := range list {
		texts = append(texts, e.Text)
	}
	return texts
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// waitFor waits until so many clients wait for a key.
func waitFor(t *testing.T, client *redis.Client, n int) {
	t.Helper()
	want := fmt.Sprintf("blocked_clients:%d\r\n", n)
	testutil.Poll(t, patience, func() bool { return strings.Contains(client.Info(t.Context(), "clients").Val(), want) })
}

// pages reads a log by pages, and a log that is kept short.
func pages(t *testing.T, l *Log) {
	t.Helper()
	ids := must[[]string](t)(l.Append(t.Context(), 0, numbers(0, 250)...))
	if !slices.IsSortedFunc(ids, compareIDs) {
		t.Errorf("ids are not in order: %v", ids)
	}
	var got []Event
	for after := ""; ; {
		page := must[[]Event](t)(l.Page(t.Context(), after, 40))
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].ID
	}
	if !slices.Equal(textsOf(got), numbers(0, 250)) {
		t.Errorf("by pages come %v", textsOf(got))
	}
	must[[]string](t)(l.Append(t.Context(), 100, numbers(250, 1250)...))
	if n := l.Client.XLen(t.Context(), l.Stream).Val(); n < 100 || n > 200 {
		t.Errorf("%d events are kept, want about 100", n)
	}
}

// compareIDs orders ids of entries.
func compareIDs(a, b string) int {
	parse := func(id string) (ms, seq int64) {
		if _, err := fmt.Sscanf(id, "%d-%d", &ms, &seq); err != nil {
			panic(err)
		}
		return ms, seq
	}
	ms1, seq1 := parse(a)
	ms2, seq2 := parse(b)
	if ms1 != ms2 {
		return int(ms1 - ms2)
	}
	return int(seq1 - seq2)
}

// followed has two readers follow a log, one from its begin, and a third who gives up.
func followed(t *testing.T, l *Log) {
	t.Helper()
	must[[]string](t)(l.Append(t.Context(), 0, numbers(0, 10)...))
	var group sync.WaitGroup
	var fromBegin, fromNow []Event
	group.Go(func() {
		if err := l.Follow(t.Context(), "0", func(e Event) bool { fromBegin = append(fromBegin, e); return len(fromBegin) < 500 }); err != nil {
			t.Error(err)
		}
	})
	group.Go(func() {
		if err := l.Follow(t.Context(), "$", func(e Event) bool { fromNow = append(fromNow, e); return len(fromNow) < 490 }); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := l.Follow(ctx, "$", func(Event) bool { return true }); err == nil {
		t.Error("who gives up has read on")
	}
	waitFor(t, l.Client, 2)
	for i := 10; i < 500; i += 35 {
		must[[]string](t)(l.Append(t.Context(), 0, numbers(i, min(i+35, 500))...))
	}
	group.Wait()
	if !slices.Equal(textsOf(fromBegin), numbers(0, 500)) || !slices.Equal(textsOf(fromNow), numbers(10, 500)) {
		t.Errorf("one read %d events, the other %d, or others", len(fromBegin), len(fromNow))
	}
}

// between has an event come when the one who follows has just waited in vain.
func between(t *testing.T, l *Log) {
	t.Helper()
	options := *l.Client.Options()
	reader := redis.NewClient(&options)
	defer reader.Close()
	reader.AddHook(afterRead(func() { must[[]string](t)(l.Append(t.Context(), 0, "between")) }))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := (&Log{reader, l.Stream}).Follow(ctx, "$", func(Event) bool { return false }); err != nil {
		t.Errorf("an event between two readings was missed: %v", err)
	}
}

// afterRead is called once, when a first XREAD has found nothing.
type afterRead func()

func (h afterRead) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h afterRead) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h afterRead) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	var once sync.Once
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "xread" && errors.Is(err, redis.Nil) {
			once.Do(h)
		}
		return err
	}
}

// takenOver has a member die with events in hand.
func takenOver(t *testing.T, l *Log) {
	t.Helper()
	ctx := t.Context()
	anna, ben := &Member{l, "team", "anna"}, &Member{l, "team", "ben"}
	for _, m := range []*Member{anna, ben, anna} {
		if err := m.Join(ctx); err != nil {
			t.Fatal(err)
		}
	}
	must[[]string](t)(l.Append(ctx, 0, numbers(0, 60)...))
	first := must[[]Event](t)(anna.Take(ctx, 30, -1))
	if n := must[int64](t)(anna.Done(ctx, first[:5]...)); n != 5 {
		t.Errorf("%d are done, want 5", n)
	}
	if undone := must[[]Event](t)(anna.Undone(ctx)); !slices.Equal(undone, first[5:]) {
		t.Errorf("undone are %v", undone)
	}
	second := must[[]Event](t)(ben.Take(ctx, 100, patience))
	if got := textsOf(append(first, second...)); !slices.Equal(got, numbers(0, 60)) {
		t.Errorf("they have %v", got)
	}
	must[int64](t)(ben.Done(ctx, second...))
	if list := must[[]Event](t)(ben.TakeOver(ctx, time.Hour)); list != nil {
		t.Errorf("taken over too early: %v", list)
	}
	var taken []Event
	testutil.Poll(t, patience, func() bool { // until all have been idle for long enough
		taken = append(taken, must[[]Event](t)(ben.TakeOver(ctx, 30*time.Millisecond))...)
		return len(taken) >= 25
	})
	if !slices.Equal(taken[:25], first[5:]) {
		t.Errorf("taken over are %v", taken)
	}
	if n := must[int64](t)(ben.Done(ctx, first...)); n != 25 {
		t.Errorf("%d were undone, want 25", n)
	}
	if list := must[[]Event](t)(anna.Undone(ctx)); list != nil {
		t.Errorf("undone are %v", list)
	}
	if list, err := (&Member{l, "strangers", "anna"}).Take(ctx, 1, -1); err == nil || !redis.HasErrorPrefix(err, "NOGROUP") {
		t.Errorf("a team that is not there takes %v, %v", list, err)
	}
}

// shared has two teams of members who wait while events come: each team gets each event once.
func shared(t *testing.T, l *Log) {
	t.Helper()
	const count, members = 900, 5
	var mu sync.Mutex
	var group sync.WaitGroup
	got := map[string][]string{}
	for _, team := range []string{"one", "other"} {
		for i := range members {
			m := &Member{l, team, fmt.Sprint("m", i)}
			if err := m.Join(t.Context()); err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				for {
					list, err := m.Take(t.Context(), 8, 50*time.Millisecond)
					if err != nil {
						t.Errorf("%s of %s: %v", m.Name, m.Team, err)
						return
					}
					mu.Lock()
					got[m.Team] = append(got[m.Team], textsOf(list)...)
					all := len(got[m.Team]) >= count
					mu.Unlock()
					if len(list) > 0 {
						if n, err := m.Done(t.Context(), list...); err != nil || n != int64(len(list)) {
							t.Errorf("%d of %d were undone, %v", n, len(list), err)
						}
					}
					if all {
						return
					}
				}
			})
		}
	}
	for i := 0; i < count; i += 30 {
		must[[]string](t)(l.Append(t.Context(), 0, numbers(i, i+30)...))
	}
	group.Wait()
	want := numbers(0, count)
	slices.Sort(want)
	for team, texts := range got {
		slices.Sort(texts)
		if !slices.Equal(texts, want) {
			t.Errorf("team %s has %d events, %d of them distinct, want %d", team, len(texts), len(slices.Compact(texts)), count)
		}
	}
}

// given has members give up at any moment: an event is new or somebody's, never lost.
func given(t *testing.T, l *Log) {
	t.Helper()
	const count = 300
	m := &Member{l, "team", "impatient"}
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for i := range count {
			if _, err := l.Append(t.Context(), 0, numbers(i, i+1)...); err != nil {
				t.Error(err)
			}
		}
	})
	for try := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+try%5)*time.Millisecond)
		var timeout net.Error
		if _, err := m.Take(ctx, 3, 0); err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
			t.Error(err)
		}
		cancel()
	}
	group.Wait()
	waitFor(t, l.Client, 0)
	undone := must[[]Event](t)(m.Undone(t.Context()))
	rest := must[[]Event](t)(m.Take(t.Context(), count, -1))
	if got := textsOf(append(undone, rest...)); !slices.Equal(got, numbers(0, count)) {
		t.Errorf("%d events are undone and %d new, which is not all", len(undone), len(rest))
	}
}
