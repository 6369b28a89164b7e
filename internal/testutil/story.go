// SPDX-License-Identifier: BSD-3-Clause

package testutil

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Story is a text file of conversations with a server.
//
// A line "=== title" opens a section: a subtest that starts with an empty keyspace and new connections. In it stand steps,
// each one line, and the reply that is expected below, as redis-cli shows it, up to a blank line or the next step:
//
//	> SET k "a\x00b"        a command, quoted as for redis-cli; {x*44} stands for 44 times x
//	OK
//	@2 > GET k              the same on another connection, which is opened when first named
//	times 513 > HSET h f{i} {i}   sent 513 times with {i} from 1; the last reply counts
//	raw "*1\r\n$4\r\nPING\r\n"    bytes as they are, then one reply
//	read                    one more reply, unasked for
//	closed                  the server closes the connection (the next use opens a new one)
//	resp3, resp2            switches the connection, at least this far
//	advance 10s             moves the clock
//	waiting 2               comes to pass: so many clients of the server wait for keys; directly before "advance" only on a clock
//	                        that is moved, since on another one they may have waited long enough by then
//	# a comment
//
// Before the command, raw or read may stand: @NAME; redpoll-only; redis-only (not for Redpoll); since 7.2 (and not before); before a
// command also until: it is sent again and again until the reply is the one expected, in either protocol. A section whose title begins with
// "redpoll-only:" has only such steps: what the oracle is too old for.
//
// Instead of a reply may stand:
//
//	(any)                   any reply (in the differential tests: of the same shape)
//	/regexp/                the formatted reply as a whole matches
//	(near 100000)           an integer no further than 2,000 from it
//	(unordered)             the formatted reply follows, with its elements in any order; (unordered pairs) for flat pairs
//	(no reply)              the step does not wait for one
//
// On a real clock the steps may take any time. What TTL and PTTL give may then be less than what is expected, and what OBJECT IDLETIME gives
// more, by as much as a minute; a story must not depend in any other way on how long its steps take.
type Story struct {
	Path     string
	Sections []Section

	lines []string
}

// A Section is one conversation of a story.
type Section struct {
	Title string
	Line  int
	Steps []Step
}

// A StepKind says what a step does.
type StepKind int

// The kinds of steps.
const (
	StepCommand StepKind = iota
	StepRaw
	StepRead
	StepClosed
	StepProto
	StepAdvance
	StepWaiting
)

// A Step is one line of a story with what is expected of it.
type Step struct {
	// Text is the line as written, Line its number from 1.
	Text string
	Line int
	Kind StepKind
	// Conn names the connection, "1" if the line does not.
	Conn string
	// RedpollOnly, RedisOnly and Since (a version such as "7.2", or empty) say where the step runs.
	RedpollOnly, RedisOnly bool
	Since                  string
	// Args are a command's, before {i} is replaced; Times is how often it is sent.
	// Of a StepWaiting it is the clients that wait.
	Args  []string
	Times int
	// Until says that a command is sent until its reply is as expected.
	Until bool
	// Raw are the bytes of a raw step.
	Raw string
	// Proto is 2 or 3 in a StepProto.
	Proto int
	// Wait is how far a StepAdvance moves the clock.
	Wait time.Duration
	// Want are the lines expected.
	Want []string

	moves   bool // of a StepWaiting: the next step is a StepAdvance
	wantEnd int  // index into Story.lines just behind Want
}

// replies says whether the step ends with a reply.
func (s *Step) replies() bool {
	return s.Kind <= StepRead && !(len(s.Want) == 1 && s.Want[0] == "(no reply)")
}

// Command is the name of the command sent, in capitals; empty for other steps.
func (s *Step) Command() string {
	if s.Kind != StepCommand {
		return ""
	}
	return strings.ToUpper(s.Args[0])
}

// ReadStory reads a story file.
func ReadStory(path string) (*Story, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseStory(path, string(b))
}

func parseStory(path, text string) (*Story, error) {
	s := &Story{Path: path, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	for i := 0; i < len(s.lines); i++ {
		line := strings.TrimRight(s.lines[i], " \t\r")
		if title, ok := strings.CutPrefix(line, "=== "); ok {
			s.Sections = append(s.Sections, Section{Title: title, Line: i + 1})
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		step, ok, err := parseStep(line)
		if err == nil && !ok {
			err = fmt.Errorf("neither a step nor below one: %s", line)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		step.Text, step.Line = line, i+1
		for i+1 < len(s.lines) && !endsReply(s.lines[i+1]) {
			i++
			step.Want = append(step.Want, strings.TrimRight(s.lines[i], "\r"))
		}
		step.wantEnd = i + 1
		if len(s.Sections) == 0 {
			s.Sections = []Section{{Title: "story", Line: 1}}
		}
		sec := &s.Sections[len(s.Sections)-1]
		if n := len(sec.Steps); n > 0 && step.Kind == StepAdvance {
			sec.Steps[n-1].moves = true
		}
		step.RedpollOnly = step.RedpollOnly || strings.HasPrefix(sec.Title, "redpoll-only:")
		sec.Steps = append(sec.Steps, *step)
	}
	return s, nil
}

// stepStart recognises the lines that cannot belong to a reply.
var stepStart = regexp.MustCompile(`^(?:(?:@\w+|redpoll-only|redis-only|until|since \S+|times \d+) +)*(?:> |raw "|read$|closed$|resp[23]$|advance \S+$|waiting \d+$)`)

func endsReply(line string) bool {
	line = strings.TrimRight(line, " \t\r")
	return line == "" || line[0] == '#' || strings.HasPrefix(line, "=== ") || stepStart.MatchString(line)
}

// parseStep parses one line; ok is false when it is no step.
func parseStep(line string) (step *Step, ok bool, err error) {
	if !stepStart.MatchString(line) {
		return nil, false, nil
	}
	step = &Step{Conn: "1", Times: 1}
	for {
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		switch {
		case word[0] == '@':
			step.Conn = word[1:]
		case word == "redpoll-only":
			step.RedpollOnly = true
		case word == "redis-only":
			step.RedisOnly = true
		case word == "until":
			step.Until = true
		case word == "since":
			step.Since, rest, _ = strings.Cut(rest, " ")
		case word == "times":
			word, rest, _ = strings.Cut(rest, " ")
			if step.Times, err = strconv.Atoi(word); err != nil {
				return nil, true, err
			}
		default:
			return step, true, step.action(word, rest)
		}
		line = strings.TrimLeft(rest, " ")
	}
}

// action fills in what the step does.
func (s *Step) action(word, rest string) error {
	var err error
	switch word {
	case ">":
		s.Kind = StepCommand
		if s.Args, err = SplitArgs(rest); err == nil && len(s.Args) == 0 {
			err = fmt.Errorf("no command")
		}
		for i, a := range s.Args {
			s.Args[i] = ExpandRuns(a)
		}
	case "raw":
		s.Kind = StepRaw
		var words []string
		if words, err = SplitArgs(rest); err == nil && len(words) != 1 {
			err = fmt.Errorf("raw takes one quoted text")
		}
		s.Raw = ExpandRuns(strings.Join(words, ""))
	case "read":
		s.Kind = StepRead
	case "closed":
		s.Kind = StepClosed
	case "resp2", "resp3":
		s.Kind, s.Proto = StepProto, int(word[4]-'0')
	case "advance":
		s.Kind = StepAdvance
		s.Wait, err = time.ParseDuration(rest)
	case "waiting":
		s.Kind = StepWaiting
		s.Times, err = strconv.Atoi(rest)
	}
	return err
}

var run = regexp.MustCompile(`\{(.)\*(\d+)\}`)

// ExpandRuns replaces {x*3} by xxx, as in the arguments of stories.
func ExpandRuns(s string) string {
	return run.ReplaceAllStringFunc(s, func(m string) string {
		sub := run.FindStringSubmatch(m)
		n, err := strconv.Atoi(sub[2])
		if err != nil || n > maxBulk {
			return m
		}
		return strings.Repeat(sub[1], n)
	})
}

// nearby is how far "(near N)" may be off.
const nearby = 2000

// unordered gives the size of the groups that "(unordered)" and "(unordered pairs)" sort; 0 when the first line is neither.
func unordered(want []string) int {
	if len(want) == 0 {
		return 0
	}
	switch want[0] {
	case "(unordered)":
		return 1
	case "(unordered pairs)":
		return 2
	}
	return 0
}

// Near gives N and true when the step expects "(near N)".
func (s *Step) Near() (int64, bool) {
	if len(s.Want) != 1 || !strings.HasPrefix(s.Want[0], "(near ") {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s.Want[0][len("(near "):], ")"), 10, 64)
	return n, err == nil
}

// Unordered gives the size of the groups whose order does not count: 1 or, for flat pairs, 2; 0 when the order counts.
func (s *Step) Unordered() int { return unordered(s.Want) }

// Loose says that the step expects "(any)" or a regular expression.
func (s *Step) Loose() bool {
	return len(s.Want) == 1 && (s.Want[0] == "(any)" || isRegexp(s.Want[0]))
}

func isRegexp(s string) bool { return len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/' }

// Ticks gives the unit of a command's reply that is another one when time has passed since the step before: of what is left of a life, or,
// negative, of how long a key has been idle. It is 0 of other steps.
func (s *Step) Ticks() time.Duration {
	switch name := s.Command(); {
	case name == "TTL":
		return time.Second
	case name == "PTTL":
		return time.Millisecond
	case name == "OBJECT" && len(s.Args) > 1 && strings.EqualFold(s.Args[1], "IDLETIME"):
		return -time.Second
	}
	return 0
}

// elapsed tells whether the reply is what is expected, but for time that has passed meanwhile, which is at most a minute.
func (s *Step) elapsed(v Value) bool {
	unit := s.Ticks()
	if unit == 0 || len(s.Want) != 1 || v.Kind != ':' || v.Int < 0 {
		return false
	}
	n, ok := s.Near()
	if !ok {
		var err error
		n, err = strconv.ParseInt(strings.TrimPrefix(s.Want[0], "(integer) "), 10, 64)
		ok = err == nil
	}
	passed := time.Duration(n-v.Int) * unit
	return ok && n >= 0 && passed >= 0 && passed <= time.Minute
}

// matches holds the reply against what the step expects, on a real clock, or on one that only the steps move.
func (s *Step) matches(v Value, real bool) error {
	if real && s.elapsed(v) {
		return nil
	}
	if n, ok := s.Near(); ok {
		if v.Kind != ':' || v.Int < n-nearby || v.Int > n+nearby {
			return fmt.Errorf("got %s", Format(v))
		}
		return nil
	}
	if s.Loose() {
		if s.Want[0] == "(any)" {
			return nil
		}
		re, err := regexp.Compile(`^(?s:` + s.Want[0][1:len(s.Want[0])-1] + `)$`)
		if err != nil {
			return err
		}
		if !re.MatchString(Format(v)) {
			return fmt.Errorf("got %s", Format(v))
		}
		return nil
	}
	if got := s.render(v); strings.Join(got, "\n") != strings.Join(s.Want, "\n") {
		return fmt.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
	return nil
}

// render gives the lines that the story would hold for this reply.
func (s *Step) render(v Value) []string {
	group := s.Unordered()
	if group == 0 {
		return strings.Split(Format(v), "\n")
	}
	return append([]string{s.Want[0]}, strings.Split(Format(v.Sorted(group)), "\n")...)
}

// rewrite puts the replies in place of the expectations, by step line, and saves the file when that changes it. real is matches's.
func (s *Story) rewrite(replies map[int]Value, real bool) error {
	var out []string
	at := 0
	for i := range s.Sections {
		for j := range s.Sections[i].Steps {
			step := &s.Sections[i].Steps[j]
			v, ok := replies[step.Line]
			if !ok || step.matches(v, real) == nil {
				continue
			}
			out = append(out, s.lines[at:step.Line]...)
			out = append(out, step.render(v)...)
			at = step.wantEnd
			if at < len(s.lines) && s.lines[at] != "" && len(step.Want) == 0 && !stepStart.MatchString(s.lines[at]) {
				out = append(out, "")
			}
		}
	}
	if at == 0 {
		return nil
	}
	out = append(out, s.lines[at:]...)
	return os.WriteFile(s.Path, []byte(strings.Join(out, "\n")+"\n"), 0o644)
}
