// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/pubsub"
)

// listening are the flags of the commands that begin and end subscriptions.
const listening = command.PubSub | command.NoScript | command.Loading | command.Stale

// asking are the flags of the subcommands of PUBSUB.
const asking = command.PubSub | command.Loading | command.Stale

// PubSub declares the commands about channels.
func PubSub() command.Family {
	return command.Family{Name: "pubsub", Commands: []command.Spec{
		{
			Name: "PSUBSCRIBE", Since: "2.0.0", Complexity: "O(N) where N is the number of patterns",
			Summary: "Listens to all channels whose names match patterns.",
			Syntax:  "pattern=(pattern)...",
			Flags:   listening,
			Run:     subscribe(pubsub.Pattern, "psubscribe"),
		},
		{
			Name: "PUBLISH", Since: "2.0.0", Complexity: "O(N+M), N being the number of receivers and M that of patterns that anybody listens to",
			Summary: "Sends a message to all who listen to a channel.",
			Syntax:  "channel message",
			Flags:   command.PubSub | command.Loading | command.Stale | command.Fast | command.MayReplicate,
			Run:     publish(pubsub.Channel),
		},
		{
			Name: "PUBSUB", Since: "2.8.0", Complexity: "Depends on the subcommand.",
			Summary:     "Commands that tell of channels.",
			Subcommands: pubSubCommands(),
		},
		{
			Name: "PUNSUBSCRIBE", Since: "2.0.0", Complexity: "O(N) where N is the number of patterns",
			Summary: "Ends listening to patterns, to all of them if none is given.",
			Syntax:  "[pattern...]",
			Flags:   listening,
			Run:     unsubscribe(pubsub.Pattern, "punsubscribe"),
		},
		{
			Name: "SPUBLISH", Since: "7.0.0", Complexity: "O(N) where N is the number of receivers",
			Summary: "Sends a message to all who listen to a shard channel.",
			Syntax:  "shardchannel message",
			Flags:   command.PubSub | command.Loading | command.Stale | command.Fast | command.MayReplicate,
			Keys:    command.OneKey(command.NotKey),
			Plan:    command.PlanNone,
			Run:     publish(pubsub.Shard),
		},
		{
			Name: "SSUBSCRIBE", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
			Summary: "Listens to shard channels.",
			Syntax:  "shardchannel...",
			Flags:   listening,
			Keys:    command.AllKeys(command.NotKey),
			Plan:    command.PlanNone,
			Run:     subscribe(pubsub.Shard, "ssubscribe"),
		},
		{
			Name: "SUBSCRIBE", Since: "2.0.0", Complexity: "O(N) where N is the number of channels",
			Summary: "Listens to channels.",
			Syntax:  "channel...",
			Flags:   listening,
			Run:     subscribe(pubsub.Channel, "subscribe"),
		},
		{
			Name: "SUNSUBSCRIBE", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
			Summary: "Ends listening to shard channels, to all of them if none is given.",
			Syntax:  "[shardchannel...]",
			Flags:   listening,
			Keys:    command.AllKeys(command.NotKey),
			Plan:    command.PlanNone,
			Run:     unsubscribe(pubsub.Shard, "sunsubscribe"),
		},
		{
			Name: "UNSUBSCRIBE", Since: "2.0.0", Complexity: "O(N) where N is the number of channels",
			Summary: "Ends listening to channels, to all of them if none is given.",
			Syntax:  "[channel...]",
			Flags:   listening,
			Run:     unsubscribe(pubsub.Channel, "unsubscribe"),
		},
	}}
}

func pubSubCommands() []command.Spec {
	return []command.Spec{
		{
			Name: "CHANNELS", Since: "2.8.0", Complexity: "O(N) where N is the number of channels that anybody listens to",
			Summary: "Lists the channels that somebody listens to.",
			Syntax:  "[pattern]",
			Flags:   asking,
			Run:     channels(pubsub.Channel),
		},
		{
			Name: "HELP", Since: "6.2.0", Complexity: "O(1)",
			Summary: "Explains the subcommands.",
			Flags:   command.Loading | command.Stale,
			Run:     command.Help,
		},
		{
			Name: "NUMPAT", Since: "2.8.0", Complexity: "O(1)",
			Summary: "Counts the patterns that somebody listens to.",
			Flags:   asking,
			Run: func(c *command.Ctx) error {
				c.Reply.Int(of(c).hub.engine.Channels.Topics(pubsub.Pattern))
				return nil
			},
		},
		{
			Name: "NUMSUB", Since: "2.8.0", Complexity: "O(N) where N is the number of channels",
			Summary: "Counts who listens to channels, not by a pattern.",
			Syntax:  "[channel...]",
			Flags:   asking,
			Run:     listeners(pubsub.Channel),
		},
		{
			Name: "SHARDCHANNELS", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels that anybody listens to",
			Summary: "Lists the shard channels that somebody listens to.",
			Syntax:  "[pattern]",
			Flags:   asking,
			Run:     channels(pubsub.Shard),
		},
		{
			Name: "SHARDNUMSUB", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
			Summary: "Counts who listens to shard channels.",
			Syntax:  "[shardchannel...]",
			Flags:   asking,
			Run:     listeners(pubsub.Shard),
		},
	}
}

// confirm writes a push about the client's own subscriptions; a nil topic stands for none.
func (s *Session) confirm(c *command.Ctx, word string, kind pubsub.Kind, topic []byte) {
	count := s.topics.Count(pubsub.Channel) + s.topics.Count(pubsub.Pattern)
	if kind == pubsub.Shard {
		count = s.topics.Count(pubsub.Shard)
	}
	c.Reply.Push(3)
	c.Reply.BulkString(word)
	if topic == nil {
		c.Reply.Null()
	} else {
		c.Reply.Bulk(topic)
	}
	c.Reply.Int(int64(count))
}

// subscribe makes the handler of a command that begins subscriptions.
func subscribe(kind pubsub.Kind, word string) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		s, w := of(c), c.Host.(*engine.Worker)
		w.BeginPush()
		defer w.EndPush()
		for i, topic := range c.Argv[1:] {
			s.hub.engine.Channels.Subscribe(&s.topics, kind, topic)
			s.confirm(c, word, kind, topic)
			if i%1000 == 999 {
				_ = c.Tick() // what has been subscribed to stays, even if the server ends
			}
		}
		s.setSubscribed(true)
		return nil
	}
}

// unsubscribe makes the handler of a command that ends subscriptions.
func unsubscribe(kind pubsub.Kind, word string) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		s, w := of(c), c.Host.(*engine.Worker)
		w.BeginPush()
		defer w.EndPush()
		channels, n := s.hub.engine.Channels, 0
		next := func(topic []byte) {
			s.confirm(c, word, kind, topic)
			if n++; n%1000 == 0 {
				_ = c.Tick() // as in subscribe
			}
		}
		for _, topic := range c.Argv[1:] {
			channels.Unsubscribe(&s.topics, kind, topic)
			next(topic)
		}
		if len(c.Argv) == 1 {
			_ = channels.UnsubscribeAll(&s.topics, kind, func(topic string) error { // fails only if the function does
				next([]byte(topic))
				return nil
			})
			if n == 0 {
				next(nil)
			}
		}
		if s.topics.Total() == 0 {
			s.setSubscribed(false)
		}
		return nil
	}
}

// unsubscribeAll ends all of the client's subscriptions, without a word.
func (s *Session) unsubscribeAll(c *command.Ctx) {
	n := 0
	for kind := range pubsub.NumKinds {
		_ = s.hub.engine.Channels.UnsubscribeAll(&s.topics, kind, func(string) error { // as above
			if n++; n%1000 == 0 {
				_ = c.Tick()
			}
			return nil
		})
	}
	s.setSubscribed(false)
}

// setSubscribed notes whether the client is one that listens.
func (s *Session) setSubscribed(on bool) {
	if s.Client.Subscribed == on {
		return
	}
	s.Client.Subscribed = on
	if on {
		s.hub.listeners.Add(1)
	} else {
		s.hub.listeners.Add(-1)
	}
}

// publish makes the handler of a command that sends a message.
func publish(kind pubsub.Kind) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		c.Reply.Int(int64(c.Host.(*engine.Worker).Publish(kind, c.Argv[1], c.Argv[2])))
		return nil
	}
}

// channels makes the handler that lists channels of a kind.
func channels(kind pubsub.Kind) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		if len(c.Argv) > 3 {
			return errManyArgs(c)
		}
		length, n, seen := c.Reply.DeferLen(), 0, 0
		err := of(c).hub.engine.Channels.Names(kind, func(name string) error {
			if len(c.Argv) == 2 || glob.Match(c.Argv[2], []byte(name), false) {
				c.Reply.BulkString(name)
				n++
			}
			if seen++; seen%1000 == 0 {
				return c.Tick()
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Reply.SetArrayLen(length, n)
		return nil
	}
}

// listeners makes the handler that counts who listens to channels of a kind.
func listeners(kind pubsub.Kind) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		names := c.Argv[2:]
		c.Reply.Array(2 * len(names))
		for i, name := range names {
			c.Reply.Bulk(name)
			c.Reply.Int(int64(of(c).hub.engine.Channels.Listeners(kind, name)))
			if i%1000 == 999 {
				if err := c.Tick(); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
