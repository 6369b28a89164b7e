// SPDX-License-Identifier: BSD-3-Clause

package pubsub

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/resp"
)

// patterns is the table of patterns, and the list of them that each published name is held against. The list is read without a
// lock: it only grows at its end, and what nobody listens to any more stays there, with no listeners, until the list is made anew.
type patterns struct {
	mu     sync.Mutex
	byName map[string]*topic            // guarded by mu
	dead   int                          // of the list, those without listeners; guarded by mu
	list   atomic.Pointer[patternsList] // written with mu held
}

// patternsList is the list as it was at one moment.
type patternsList struct {
	made   int // how often it was made anew: an earlier one with the same number has the beginning of this
	topics []*topic
}

const (
	matchRoom = 16   // patterns that may match without room being made for them
	matchStep = 1000 // patterns looked at between two ticks
	deadSlack = 64   // patterns without listeners, beyond half of all, that the list may have
)

func (p *patterns) lock() {
	invariants.Waits(invariants.RankPatterns, 0)
	p.mu.Lock()
	invariants.Acquired(invariants.RankPatterns, 0)
}

func (p *patterns) unlock() {
	invariants.Released(invariants.RankPatterns, 0)
	p.mu.Unlock()
}

// matches are the patterns that match a name, of those that were looked at.
type matches struct {
	made, seen int
	list       []*topic
}

// match brings found up to date: it looks at those patterns that have come since, at all if the list has been made anew.
func (p *patterns) match(found matches, name []byte, tick func() error) matches {
	l := p.list.Load()
	if l == nil {
		return found
	}
	if l.made != found.made {
		found.made, found.seen, found.list = l.made, 0, found.list[:0]
	}
	for i, t := range l.topics[found.seen:] {
		if glob.Match(t.text, name, false) {
			found.list = append(found.list, t)
		}
		if i%matchStep == matchStep-1 && tick != nil {
			_ = tick() // the message is published, even if the server ends
		}
	}
	found.seen = len(l.topics)
	return found
}

// publishMatches sends a message to those who listen to it by a pattern, and gives their number. found has been brought up to date a
// moment ago, so little is left to look at. The channel is locked.
func (r *Registry) publishMatches(found matches, name, message []byte) (receivers int) {
	r.patterns.lock()
	defer r.patterns.unlock()
	for _, t := range r.patterns.match(found, name, nil).list {
		if len(t.lists) > 0 {
			receivers += r.send(t, resp.MakeMessage(words(Pattern), t.text, name, message))
		}
	}
	return receivers
}

// add makes a subscription to the pattern of that name, and tells whether it is the first.
func (p *patterns) add(sub *Subscription, name string) (first bool) {
	p.lock()
	defer p.unlock()
	t := p.byName[name]
	if t == nil {
		t, first = &topic{name: name, text: []byte(name), kind: Pattern}, true
		p.byName[name] = t
		l := p.current()
		p.list.Store(&patternsList{l.made, append(l.topics, t)}) // behind what readers have of it
	}
	sub.topic = t
	t.add(sub)
	return first
}

// remove ends a subscription, and tells whether it was the pattern's last.
func (p *patterns) remove(sub *Subscription) (last bool) {
	p.lock()
	defer p.unlock()
	if last = sub.topic.remove(sub); !last {
		return false
	}
	delete(p.byName, sub.topic.name)
	l := p.current()
	if p.dead++; p.dead <= len(l.topics)/2+deadSlack {
		return true
	}
	fresh := make([]*topic, 0, len(p.byName)+len(p.byName)/4)
	for _, t := range l.topics {
		if len(t.lists) > 0 {
			fresh = append(fresh, t)
		}
	}
	p.dead = 0
	p.list.Store(&patternsList{l.made + 1, fresh})
	return true
}

// current gives the list; p is locked.
func (p *patterns) current() patternsList {
	if l := p.list.Load(); l != nil {
		return *l
	}
	return patternsList{}
}
