// SPDX-License-Identifier: BSD-3-Clause

// Package eventlog keeps a log of events in a stream with go-redis. Anybody reads it from where he likes (XRANGE, XREAD); the members of a
// team share what is new (XREADGROUP), say when an event has been dealt with (XACK) and take over what a member who has gone left undone
// (XAUTOCLAIM).
package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Log is a stream whose entries have one field, the event.
type Log struct {
	Client *redis.Client
	Stream string
}

// An Event is an entry of the log.
type Event struct{ ID, Text string }

func events(entries []redis.XMessage) (list []Event) {
	for _, e := range entries {
		text, _ := e.Values["event"].(string) // nil of one that was deleted while it was pending
		list = append(list, Event{e.ID, text})
	}
	return list
}

// Append adds events and gives their ids. Beyond about keep events (0: no limit) the oldest go.
func (l *Log) Append(ctx context.Context, keep int64, texts ...string) (ids []string, err error) {
	pipe := l.Client.Pipeline()
	var added []*redis.StringCmd
	for _, text := range texts {
		added = append(added, pipe.XAdd(ctx, &redis.XAddArgs{Stream: l.Stream, MaxLen: keep, Approx: keep > 0, Values: []string{"event", text}}))
	}
	_, err = pipe.Exec(ctx)
	for _, id := range added {
		ids = append(ids, id.Val())
	}
	return ids, err
}

// Page gives up to n events behind one, "" standing for the begin.
func (l *Log) Page(ctx context.Context, after string, n int64) ([]Event, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	entries, err := l.Client.XRangeN(ctx, l.Stream, from, "+", n).Result()
	return events(entries), err
}

// Follow calls fn with each event behind one ("$": with those that come) until it gives false or the context ends.
func (l *Log) Follow(ctx context.Context, after string, fn func(Event) bool) error {
	if after == "$" { // which would mean another event with each call, and miss what comes between two
		newest, err := l.Client.XRevRangeN(ctx, l.Stream, "+", "-", 1).Result()
		if err != nil {
			return err
		}
		after = "0"
		if len(newest) > 0 {
			after = newest[0].ID
		}
	}
	for {
		streams, err := l.Client.XRead(ctx, &redis.XReadArgs{Streams: []string{l.Stream, after}, Count: 100, Block: time.Second}).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events(streams[0].Messages) {
			if !fn(e) {
				return nil
			}
			after = e.ID
		}
	}
}

// A Member reads a log as one of a team.
type Member struct {
	Log        *Log
	Team, Name string
}

// Join makes the team, which begins with the log's first event, unless it is there.
func (m *Member) Join(ctx context.Context) error {
	err := m.Log.Client.XGroupCreateMkStream(ctx, m.Log.Stream, m.Team, "0").Err()
	if err != nil && redis.HasErrorPrefix(err, "BUSYGROUP") {
		return nil
	}
	return err
}

// Take gives up to n events that no member has got yet, waiting for one as long as patience says (negative: not at all).
func (m *Member) Take(ctx context.Context, n int64, patience time.Duration) ([]Event, error) {
	return m.read(ctx, ">", n, patience)
}

// Undone gives the events that this member has taken and not done.
func (m *Member) Undone(ctx context.Context) ([]Event, error) { return m.read(ctx, "0", 0, -1) }

func (m *Member) read(ctx context.Context, from string, n int64, patience time.Duration) ([]Event, error) {
	streams, err := m.Log.Client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: m.Team, Consumer: m.Name, Streams: []string{m.Log.Stream, from}, Count: n, Block: patience,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return events(streams[0].Messages), nil
}

// Done says that events have been dealt with, and gives how many of them were undone.
func (m *Member) Done(ctx context.Context, list ...Event) (int64, error) {
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	return m.Log.Client.XAck(ctx, m.Log.Stream, m.Team, ids...).Result()
}

// TakeOver gives this member all that others have had for at least idle.
func (m *Member) TakeOver(ctx context.Context, idle time.Duration) (list []Event, err error) {
	for start := "0-0"; ; {
		entries, next, err := m.Log.Client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: m.Log.Stream, Group: m.Team, Consumer: m.Name, MinIdle: idle, Start: start, Count: 20,
		}).Result()
		if err != nil {
			return list, err
		}
		list = append(list, events(entries)...)
		if start = next; start == "0-0" {
			return list, nil
		}
	}
}
