// SPDX-License-Identifier: BSD-3-Clause

// Package chat is rooms that people talk in, with publish and subscribe of go-redis. A listener whose connection breaks is back by itself;
// what was said meanwhile he reads in the room's history, a capped list.
package chat

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// historyLength is how many messages of a room are kept.
const historyLength = 50

// A Chat is rooms in a server.
type Chat struct{ Client *redis.Client }

func channel(room string) string { return "chat:" + room }
func history(room string) string { return "history:" + room }

// Say says something in a room and tells how many connections listen.
func (c *Chat) Say(ctx context.Context, room, text string) (int64, error) {
	var heard *redis.IntCmd
	_, err := c.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.LPush(ctx, history(room), text)
		pipe.LTrim(ctx, history(room), 0, historyLength-1)
		heard = pipe.Publish(ctx, channel(room), text)
		return nil
	})
	return heard.Val(), err
}

// Latest gives what was said last in a room, the newest first.
func (c *Chat) Latest(ctx context.Context, room string, n int64) ([]string, error) {
	return c.Client.LRange(ctx, history(room), 0, n-1).Result()
}

// Listen listens to rooms; "*" in a name stands for anything. The caller closes what it gives, once it is confirmed.
func (c *Chat) Listen(ctx context.Context, rooms ...string) (*redis.PubSub, error) {
	var channels, patterns []string
	for _, room := range rooms {
		if strings.Contains(room, "*") {
			patterns = append(patterns, channel(room))
		} else {
			channels = append(channels, channel(room))
		}
	}
	listener := c.Client.Subscribe(ctx, channels...)
	if len(patterns) > 0 {
		if err := listener.PSubscribe(ctx, patterns...); err != nil {
			return listener, err
		}
	}
	for range rooms {
		if _, err := listener.Receive(ctx); err != nil {
			return listener, err
		}
	}
	return listener, nil
}

// Rooms gives the rooms that somebody listens to by name.
func (c *Chat) Rooms(ctx context.Context) ([]string, error) {
	channels, err := c.Client.PubSubChannels(ctx, channel("*")).Result()
	for i := range channels {
		channels[i] = strings.TrimPrefix(channels[i], channel(""))
	}
	return channels, err
}
