// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A SavePoint asks for a snapshot once so many changes are unsaved and so many seconds have passed since the last one.
type SavePoint struct {
	Seconds int64 // at least 1
	Changes int64 // at least 0
}

// A BufferLimit bounds what may wait to be sent to one client: it is closed at once past Hard, and when it stays past
// Soft for SoftSeconds. 0 means no limit.
type BufferLimit struct {
	Hard, Soft  int64 // bytes
	SoftSeconds int64
}

// BufferLimits has the limits of the three classes of clients.
type BufferLimits struct {
	Normal, Replica, PubSub BufferLimit
}

// A Master is what replicaof names; the zero value means none.
type Master struct {
	Host string
	Port int
}

// Events is a set of classes of keyspace events.
type Events uint32

// The classes of keyspace events, by their letters in notify-keyspace-events.
const (
	EventKeyspace         Events = 1 << iota // K: publish to __keyspace@<db>__
	EventKeyevent                            // E: publish to __keyevent@<db>__
	EventGeneric                             // g
	EventString                              // $
	EventList                                // l
	EventSet                                 // s
	EventHash                                // h
	EventSortedSet                           // z
	EventExpired                             // x
	EventEvicted                             // e
	EventStream                              // t
	EventKeyMiss                             // m: not part of EventAll
	EventModule                              // d
	EventNew                                 // n: not part of EventAll
	EventOverwritten                         // o: not part of EventAll
	EventTypeChanged                         // c: not part of EventAll
	EventSubkeyspace                         // S: publish to __subkeyspace@<db>__
	EventSubkeyevent                         // T: publish to __subkeyevent@<db>__
	EventSubkeyspaceItem                     // I: publish to __subkeyspaceitem@<db>__
	EventSubkeyspaceEvent                    // V: publish to __subkeyspaceevent@<db>__
	EventArray                               // a: comes with A, but A is all that Redis 7.0 has

	// EventAll is the class A.
	EventAll = EventGeneric | EventString | EventList | EventSet | EventHash | EventSortedSet | EventExpired |
		EventEvicted | EventStream | EventModule
)

// eventLetters has the letters of the classes in the order of their bits.
const eventLetters = "KEg$lshzxetmdnocSTIVa"

// ParseEvents reads the letters of notify-keyspace-events; ok is false when one is unknown.
func ParseEvents(s string) (ev Events, ok bool) {
	for _, c := range s {
		if c == 'A' {
			ev |= EventAll | EventArray
			continue
		}
		i := strings.IndexRune(eventLetters, c)
		if i < 0 {
			return 0, false
		}
		ev |= 1 << i
	}
	return ev, true
}

// String gives the letters in the order in which Redis shows them. As in Redis, A swallows n, o, c and a.
func (ev Events) String() string {
	order := "g$lshzxetdanocKEmSTIV"
	if ev&EventAll == EventAll {
		order = "KEmSTIV"
	}
	var b strings.Builder
	if ev&EventAll == EventAll {
		b.WriteByte('A')
	}
	for i := range len(order) {
		if ev&(1<<strings.IndexByte(eventLetters, order[i])) != 0 {
			b.WriteByte(order[i])
		}
	}
	return b.String()
}

func readEvents(args []string, _ Events, _ bool) (Events, error) {
	if len(args) != 1 {
		return 0, errArgCount
	}
	ev, ok := ParseEvents(args[0])
	if !ok {
		return 0, errors.New("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
	}
	return ev, nil
}

var errArgCount = errors.New("wrong number of arguments")

func readSave(args []string, old []SavePoint, more bool) ([]SavePoint, error) {
	bad := errors.New("Invalid save parameters")
	if emptyArgs(args) {
		return nil, nil
	}
	if len(args)%2 != 0 {
		return nil, bad
	}
	var points []SavePoint
	if more {
		points = slices.Clone(old)
	}
	for i := 0; i < len(args); i += 2 {
		sec, err1 := strconv.ParseInt(args[i], 10, 32)
		n, err2 := strconv.ParseInt(args[i+1], 10, 32)
		if err1 != nil || err2 != nil || sec < 1 || n < 0 {
			return nil, bad
		}
		points = append(points, SavePoint{sec, n})
	}
	return points, nil
}

func formatSave(points []SavePoint) string {
	var b []byte
	for i, p := range points {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, p.Seconds, 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, p.Changes, 10)
	}
	return string(b)
}

func readLimits(args []string, l BufferLimits, _ bool) (BufferLimits, error) {
	if emptyArgs(args) {
		return l, nil
	}
	if len(args)%4 != 0 {
		return l, errors.New("Wrong number of arguments in buffer limit configuration.")
	}
	for i := 0; i < len(args); i += 4 {
		var class *BufferLimit
		switch strings.ToLower(args[i]) {
		case "normal":
			class = &l.Normal
		case "replica", "slave":
			class = &l.Replica
		case "pubsub":
			class = &l.PubSub
		default:
			return l, errors.New("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := ParseMemory(args[i+1])
		soft, ok2 := ParseMemory(args[i+2])
		sec, err := strconv.ParseInt(args[i+3], 10, 64)
		if !ok1 || !ok2 || err != nil || sec < 0 {
			return l, errors.New("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		*class = BufferLimit{int64(min(hard, maxI64)), int64(min(soft, maxI64)), sec}
	}
	return l, nil
}

func formatLimits(l BufferLimits) string {
	var b []byte
	for _, c := range []struct {
		name string
		BufferLimit
	}{{"normal", l.Normal}, {" slave", l.Replica}, {" pubsub", l.PubSub}} {
		b = append(b, c.name...)
		for _, n := range []int64{c.Hard, c.Soft, c.SoftSeconds} {
			b = append(b, ' ')
			b = strconv.AppendInt(b, n, 10)
		}
	}
	return string(b)
}

func readPercentiles(args []string, _ []float64, _ bool) ([]float64, error) {
	if emptyArgs(args) {
		return nil, nil
	}
	ps := make([]float64, 0, len(args))
	for _, arg := range args {
		p, err := strconv.ParseFloat(arg, 64)
		if err != nil || math.IsNaN(p) {
			return nil, errors.New("Invalid latency-tracking-info-percentiles parameters")
		}
		if p < 0 || p > 100 {
			return nil, errors.New("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// FormatPercentile writes a percentile as INFO and CONFIG do: at most six decimals, no trailing zeros.
func FormatPercentile(p float64) string {
	s := strconv.FormatFloat(p, 'f', 6, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func formatPercentiles(ps []float64) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = FormatPercentile(p)
	}
	return strings.Join(words, " ")
}

func readOOMScores(args []string, _ [3]int, _ bool) (v [3]int, err error) {
	if len(args) != len(v) {
		return v, errArgCount
	}
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 32)
		if err != nil || n < -2000 || n > 2000 {
			return v, errors.New("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		v[i] = int(n)
	}
	return v, nil
}

func formatOOMScores(v [3]int) string {
	return strconv.Itoa(v[0]) + " " + strconv.Itoa(v[1]) + " " + strconv.Itoa(v[2])
}

// maxBind is how many addresses bind takes.
const maxBind = 16

func readBind(args []string, _ []string, _ bool) ([]string, error) {
	if emptyArgs(args) {
		return nil, nil
	}
	if len(args) > maxBind {
		return nil, errors.New("Too many bind addresses specified.")
	}
	return slices.Clone(args), nil
}

func formatBind(addrs []string) string { return strings.Join(addrs, " ") }

func readMaster(args []string, _ Master, _ bool) (Master, error) {
	if len(args) != 2 {
		return Master{}, errArgCount
	}
	if strings.EqualFold(args[0], "no") && strings.EqualFold(args[1], "one") {
		return Master{}, nil
	}
	port, err := strconv.ParseUint(args[1], 10, 16)
	if err != nil {
		return Master{}, errors.New("Invalid master port")
	}
	return Master{args[0], int(port)}, nil
}

func formatMaster(m Master) string {
	if m.Host == "" {
		return ""
	}
	return m.Host + " " + strconv.Itoa(m.Port)
}

// emptyArgs reports whether a directive was given "" or nothing as its value.
func emptyArgs(args []string) bool {
	return len(args) == 0 || len(args) == 1 && args[0] == ""
}
