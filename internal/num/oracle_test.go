// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// randomFloats returns n texts of all magnitudes, in the forms people write.
func randomFloats(n int) []string {
	rnd := rand.New(rand.NewPCG(5, 6))
	texts := make([]string, n)
	for i := range texts {
		switch rnd.IntN(6) {
		case 0:
			texts[i] = strconv.FormatFloat(rnd.NormFloat64()*100, 'f', rnd.IntN(20), 64)
		case 1:
			texts[i] = strconv.FormatFloat(math.Float64frombits(rnd.Uint64()), 'g', -1, 64)
		case 2:
			texts[i] = strconv.FormatFloat(rnd.NormFloat64(), 'e', rnd.IntN(25), 64)
		case 3:
			texts[i] = strconv.FormatInt(int64(rnd.Uint64()), 10)
		case 4:
			texts[i] = fmt.Sprintf("%d%d.%017d%05d", rnd.Int64N(1e15), rnd.Int64N(1e9), rnd.Int64N(1e17), rnd.IntN(1e5))
		case 5:
			texts[i] = strconv.FormatFloat(rnd.ExpFloat64(), 'x', -1, 64)
		}
	}
	return texts
}

// calls sends commands to the reference server in one go.
func calls(t *testing.T, c *testutil.Client, cmds [][]string) []testutil.Reply {
	t.Helper()
	var replies []testutil.Reply
	for len(cmds) > 0 {
		n := min(len(cmds), 500)
		part, err := c.Pipeline(cmds[:n]...)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, part...)
		cmds = cmds[n:]
	}
	return replies
}

func TestLongDoubleLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	special := append(append([]string{"inf", "-inf", "+INFINITY", "1e4932", "-1.1e4932", "1e4931", "1e5000", "1e-4940", "1e-4951", "1e-4952", "1e-5000", "0x1p16383",
		"0x1p16384", "0x1p-16445", "0x1p-16446", "0x1.8p-16446", "0x.ffffffffffffffffp16384", "0x.ffffffffffffffff8p16384", "0x1.00000000000000008p0", "0x1.00000000000000018p0",
		strings.Repeat("0", 5118) + "1", strings.Repeat("0", 5119) + "1", "0." + strings.Repeat("0", 4000) + "1e4001"}, rightFloats...), wrongFloats...)
	random := randomFloats(1200)
	type pair struct{ a, b string }
	var pairs []pair
	for i, s := range special {
		pairs = append(pairs, pair{"0", s}, pair{s, "1.5"}, pair{s, special[(i*7+3)%len(special)]})
	}
	for i := 1; i < len(random); i++ {
		pairs = append(pairs, pair{random[i-1], random[i]})
	}
	var cmds [][]string
	for _, p := range pairs {
		cmds = append(cmds, []string{"SET", "k", p.a}, []string{"INCRBYFLOAT", "k", p.b})
	}
	for i, r := range calls(t, c, cmds) {
		if i%2 == 0 {
			continue
		}
		p := pairs[i/2]
		if got, want := incrByFloat(p.a, p.b), r.Value.Str; got != want {
			t.Errorf("%.60s + %.60s = %s, Redis says %s", p.a, p.b, got, want)
		}
	}
}

// incrByFloat is the command's arithmetic, with its errors.
func incrByFloat(a, b string) string {
	x, okX := ParseLongDouble([]byte(a))
	y, okY := ParseLongDouble([]byte(b))
	if !okX || !okY {
		return "ERR value is not a valid float"
	}
	sum, ok := x.Add(y)
	if !ok {
		return "ERR increment would produce NaN or Infinity"
	}
	return string(AppendLongDouble(nil, sum))
}

func TestDoubleLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	texts := append(append(append([]string{"inf", "-inf", "+INFINITY", "1e400", "1e-400", "4.9e-324", "2e-324", "0x1p1024", "0x1p-1075", "0x1.8p-1075"}, rightFloats...), wrongFloats...), randomFloats(1200)...)
	var cmds [][]string
	for _, s := range texts {
		cmds = append(cmds, []string{"DEL", "z"}, []string{"ZADD", "z", s, "m"}, []string{"ZSCORE", "z", "m"})
	}
	for _, proto := range []string{"2", "3"} {
		c.Must(t, "HELLO", proto)
		replies := calls(t, c, cmds)
		for i, s := range texts {
			f, ok := ParseFloat([]byte(s))
			if refused := replies[3*i+1].Value.IsError(); refused == ok {
				t.Errorf("ParseFloat(%q) = %v, %v; Redis says %s", s, f, ok, replies[3*i+1].Value.Str)
			}
			if f == 0 {
				f = 0 // a small sorted set keeps whole scores as integers, which loses the sign of zero
			}
			if got, want := string(AppendDouble(nil, f)), replies[3*i+2].Value.Str; ok && got != want {
				t.Errorf("%q is written as %s, Redis writes %s (RESP%s)", s, got, want, proto)
			}
		}
	}
}

func TestIntLikeRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	texts := []string{"", "0", "-0", "+1", "01", " 1", "1 ", "1\n", "-1", "-", "--1", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "18446744073709551615", "1.0", "1e3", "0x10", "12345678901234567890", "00", "\x001", "1\x00"}
	for _, v := range someInts()[:300] {
		texts = append(texts, strconv.FormatInt(v, 10))
	}
	var cmds [][]string
	for _, s := range texts {
		cmds = append(cmds, []string{"SET", "k", s}, []string{"INCRBY", "k", "0"})
	}
	for i, r := range calls(t, c, cmds) {
		if i%2 == 0 {
			continue
		}
		v, ok := ParseInt([]byte(texts[i/2]))
		if want := r.Value; ok == want.IsError() || ok && v != want.Int {
			t.Errorf("ParseInt(%q) = %d, %v; Redis says %s %d", texts[i/2], v, ok, want.Str, want.Int)
		}
	}
}
