// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule says when something is due again and again. The zero value: never.
//
//	""                     never
//	every 6h               so long after the last time: minutes (m), hours (h) or days (d), at least one minute
//	daily 03:00            each day at that time of day
//	weekly sun 03:00       each week on that day
//
// Times of day are those of the machine's time zone.
type Schedule struct {
	every time.Duration // 0: at a time of day
	on    bool          // at a time of day
	week  bool          // only on a day of the week
	day   time.Weekday
	at    time.Duration // since midnight
}

var errSchedule = errors.New("argument must be empty, 'every <number><m|h|d>', 'daily <hh:mm>' or 'weekly <sun|mon|tue|wed|thu|fri|sat> <hh:mm>'")

const mostDays = 366 // between two times

// days are the words for days of the week, in time.Weekday's order.
func days() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func readSchedule(args []string, _ Schedule, _ bool) (Schedule, error) {
	if emptyArgs(args) {
		return Schedule{}, nil
	}
	switch how := strings.ToLower(args[0]); {
	case how == "every" && len(args) == 2:
		return readEvery(args[1])
	case how == "daily" && len(args) == 2:
		at, err := readTimeOfDay(args[1])
		return Schedule{on: true, at: at}, err
	case how == "weekly" && len(args) == 3:
		day := slices.Index(days(), strings.ToLower(args[1]))
		at, err := readTimeOfDay(args[2])
		if day < 0 {
			err = errSchedule
		}
		return Schedule{on: true, week: true, day: time.Weekday(day), at: at}, err
	}
	return Schedule{}, errSchedule
}

// readEvery reads a span of time: a number and a letter.
func readEvery(text string) (Schedule, error) {
	if text == "" {
		return Schedule{}, errSchedule
	}
	last := len(text) - 1
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[text[last]|0x20]
	n, err := strconv.ParseUint(text[:last], 10, 32)
	if every := time.Duration(n) * unit; err == nil && every > 0 && every <= mostDays*24*time.Hour {
		return Schedule{every: every}, nil
	}
	return Schedule{}, errSchedule
}

// readTimeOfDay reads an hour and a minute.
func readTimeOfDay(text string) (time.Duration, error) {
	at, err := time.Parse("15:04", text)
	if err != nil {
		return 0, errSchedule
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}

func formatSchedule(s Schedule) string {
	at := fmt.Sprintf("%02d:%02d", s.at/time.Hour, s.at%time.Hour/time.Minute)
	switch {
	case s.week:
		return "weekly " + days()[s.day] + " " + at
	case s.on:
		return "daily " + at
	}
	for _, unit := range []struct {
		size   time.Duration
		letter string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if s.every > 0 && s.every%unit.size == 0 {
			return fmt.Sprint("every ", int64(s.every/unit.size), unit.letter)
		}
	}
	return ""
}

// Never tells of the schedule by which nothing is ever due.
func (s Schedule) Never() bool { return s == Schedule{} }

// First gives when it is due for the first time, for one who has begun at a time: at once if it is due every so often.
func (s Schedule) First(began time.Time) time.Time {
	if s.every > 0 {
		return began
	}
	return s.Next(began)
}

// Next gives when it is due after a time, in the time zone of which a time of day is meant; with Never that has no meaning.
func (s Schedule) Next(last time.Time) time.Time {
	if s.every > 0 {
		return last.Add(s.every)
	}
	year, month, day := last.Date()
	for ; ; day++ {
		hour, minute := int(s.at/time.Hour), int(s.at%time.Hour/time.Minute)
		at := time.Date(year, month, day, hour, minute, 0, 0, last.Location())
		if at.After(last) && (!s.week || at.Weekday() == s.day) {
			return at
		}
	}
}
