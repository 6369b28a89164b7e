// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// runCases is a script that runs each of its arguments as a chunk under pcall and describes what it returned, tables with their keys
// in order.
const runCases = `
local function show(v, depth)
	local t = type(v)
	if t == 'string' then return #v .. ':' .. v end
	if t == 'number' then return string.format('%.17g', v) end
	if t ~= 'table' then return t == 'function' and t or tostring(v) end
	if depth > 40 then return '...' end
	local entries = {}
	for k, e in pairs(v) do entries[#entries + 1] = show(k, depth + 1) .. '=' .. show(e, depth + 1) end
	table.sort(entries)
	return '{' .. table.concat(entries, ',') .. '}' .. (getmetatable(v) and '!' or '')
end
local function results(...)
	local all = {}
	for i = 1, select('#', ...) do all[i] = show((select(i, ...)), 0) end
	return table.concat(all, ' ')
end
local out = {}
for i = 1, #ARGV do
	local f, err = loadstring(ARGV[i], '@case')
	out[i] = f and results(pcall(f)) or 'does not compile: ' .. err
end
return out`

// compareCases runs the chunks on redis-server and on the codecs here, and reports those with different results.
func compareCases(t *testing.T, chunks []string) {
	t.Helper()
	c := testutil.Oracle(t).Dial(t)
	s := newState(t)
	failures := 0
	const batch = 200
	for len(chunks) > 0 {
		some := chunks[:min(batch, len(chunks))]
		chunks = chunks[len(some):]
		want := c.Must(t, append([]string{"EVAL", runCases, "0"}, some...)...)
		got := s.strings(t, runCases, some)
		for i, chunk := range some {
			if got[i] != want.Elems[i].Str {
				t.Errorf("%.300s\nhas    %.300q\nwanted %.300q", chunk, got[i], want.Elems[i].Str)
				if failures++; failures > 20 {
					t.FailNow()
				}
			}
		}
	}
}

// codecSeed is what the chunks are made from, the same everywhere unless another is asked for.
var codecSeed = flag.Uint64("codecs.seed", 1, "the seed of the chunks that are made by chance; 0 takes a random one")

// A chunkMaker makes chunks by chance.
type chunkMaker struct{ *rand.Rand }

func newChunkMaker(t *testing.T, what uint64) chunkMaker {
	seed := *codecSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-codecs.seed=%d", seed)
	return chunkMaker{rand.New(rand.NewPCG(seed, what))}
}

func (m chunkMaker) pick(of ...string) string { return of[m.IntN(len(of))] }

// number makes the text of a number.
func (m chunkMaker) number() string {
	switch m.IntN(8) {
	case 0:
		return m.pick("0", "tonumber('-0')", "1/0", "-1/0", "0/0", "2^31", "2^31-1", "-2^31", "2^32", "2^53", "2^63", "-2^63", "2^64", "1e15", "1e14", "0.1",
			"1e300*1e10", "5e-324", "-2^63-2048", "2^63-1024", "1e-5", "1e-4", "123456789012345", "12345678901234", "0.5", "16777217", "3.4e38", "3.5e38")
	case 1, 2:
		return fmt.Sprint(m.IntN(300) - 150)
	case 3:
		return fmt.Sprint(m.Int64() >> m.IntN(63))
	case 4:
		return fmt.Sprint(-m.Int64() >> m.IntN(63))
	case 5:
		return fmt.Sprintf("%.17g", float64(float32(m.NormFloat64()*1000)))
	case 6:
		return fmt.Sprintf("%d.%d", m.IntN(1000), m.IntN(1000))
	}
	f := math.Float64frombits(m.Uint64())
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "1.5"
	}
	return fmt.Sprintf("%.17g", f)
}

// str makes the text of a string.
func (m chunkMaker) str() string {
	n := m.IntN(12)
	if m.IntN(20) == 0 {
		n = m.IntN(400)
	}
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(m.IntN(256)); m.IntN(4) > 0 {
			b[i] = "abcxyz012 /\\\"\n\t,:{}[]"[m.IntN(21)]
		}
	}
	return quoteLua(string(b))
}

// quoteLua writes a string as Lua reads it.
func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// value makes the text of a value, and says whether a table in it has several keys that are none of an array: what order they come in
// is not to be compared.
func (m chunkMaker) value(depth int) (text string, unordered bool) {
	kind := m.IntN(12)
	if depth == 0 && kind > 6 {
		kind -= 6
	}
	switch kind {
	case 0:
		return m.pick("nil", "true", "false", "cjson.null"), false
	case 1, 2, 3:
		return m.number(), false
	case 4, 5, 6:
		return m.str(), false
	case 7, 8:
		return m.list(depth, m.IntN(6))
	case 9:
		return m.list(depth, m.IntN(40))
	case 10: // of one entry
		value, unordered := m.value(depth - 1)
		key := m.pick(m.str(), "0+"+m.number()) // never -0, which would be 0 here
		return "{[" + key + "]=" + value + "}", unordered
	default:
		entries := make([]string, m.IntN(8))
		for i := range entries {
			value, u := m.value(depth - 1)
			unordered = unordered || u
			entries[i] = fmt.Sprintf("[%s]=%s", m.pick("'s'.."+m.str(), fmt.Sprint(m.IntN(100)), fmt.Sprintf("'k%d'", i)), value)
		}
		return "{" + strings.Join(entries, ",") + "}", unordered || len(entries) > 1
	}
}

func (m chunkMaker) list(depth, n int) (text string, unordered bool) {
	elems := make([]string, n)
	for i := range elems {
		var u bool
		elems[i], u = m.value(depth - 1)
		unordered = unordered || u
	}
	return "{" + strings.Join(elems, ",") + "}", unordered
}

// json makes a text of JSON.
func (m chunkMaker) json(depth int) string {
	blank := func() string { return m.pick("", "", "", " ", "\n", "\t \r") }
	kind := m.IntN(10)
	if depth == 0 && kind > 6 {
		kind -= 6
	}
	text := ""
	switch kind {
	case 0:
		text = m.pick("null", "true", "false")
	case 1, 2, 3:
		text = m.pick(m.number(), fmt.Sprint(m.IntN(1000)), "0x1F", "-0x.8p1", "1e5", "2E-3", "007", "inf", "-Infinity", "NaN", "nan(1_a)", "1.", "-0",
			"1e400", "123456789012345678901234567890", "0.1e1", "1e-400")
	case 4, 5, 6:
		text = m.jsonString()
	case 7, 8:
		elems := make([]string, m.IntN(5))
		for i := range elems {
			elems[i] = m.json(depth - 1)
		}
		text = "[" + blank() + strings.Join(elems, ",") + "]"
	default:
		entries := make([]string, m.IntN(5))
		for i := range entries {
			entries[i] = blank() + m.jsonString() + blank() + ":" + m.json(depth-1)
		}
		text = "{" + blank() + strings.Join(entries, ",") + "}"
	}
	return blank() + text + blank()
}

func (m chunkMaker) jsonString() string {
	var b strings.Builder
	b.WriteByte('"')
	for range m.IntN(6) {
		b.WriteString(m.pick("a", "key", "é", "\x80\xff", "\x7f", `\n`, `\"`, `\\`, `\/`, `\b\f\r\t`, `\u0041`, `\u00e9`, `\u20AC`, `\ud83d\ude00`, `\u0000`,
			`\uD800`, `\udc00`, `\ud800\u0041`, `\x`, `\u12g4`, `\u12`, "\n", "/", "'", "{", "]"))
	}
	b.WriteByte('"')
	return b.String()
}

// spoil changes a text in one to three places, half of the time.
func (m chunkMaker) spoil(s, with string) string {
	if m.IntN(2) == 0 {
		return s
	}
	b := []byte(s)
	for range 1 + m.IntN(3) {
		if len(b) == 0 {
			break
		}
		i, c := m.IntN(len(b)), with[m.IntN(len(with))]
		switch m.IntN(4) {
		case 0:
			b[i] = c
		case 1:
			b = append(b[:i], b[i+1:]...)
		case 2:
			b = append(b[:i:i], append([]byte{c}, b[i:]...)...)
		default:
			b = b[:i]
		}
	}
	return string(b)
}

// msgpack makes a value in MessagePack's bytes, mostly.
func (m chunkMaker) msgpack(depth int) string {
	tail := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(m.IntN(256))
		}
		return string(b)
	}
	values := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(m.msgpack(depth - 1))
		}
		return b.String()
	}
	kind := m.IntN(14)
	if depth == 0 && kind > 7 {
		kind -= 7
	}
	n := m.IntN(5)
	switch kind {
	case 0:
		return string([]byte{0xc0 + byte(m.IntN(4))})
	case 1, 2:
		return string([]byte{byte(m.IntN(128))})
	case 3:
		return string([]byte{0xe0 + byte(m.IntN(32))})
	case 4:
		i := m.IntN(4)
		return string([]byte{0xcc + byte(i)}) + tail(1<<i)
	case 5:
		i := m.IntN(4)
		return string([]byte{0xd0 + byte(i)}) + tail(1<<i)
	case 6:
		return m.pick("\xca"+tail(4), "\xcb"+tail(8), "\xca\x3f\x80\x00\x00", "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xc4\x01a", "\xc7", "\xd4\x00a")
	case 7, 8:
		s := tail(m.IntN(8))
		return m.pick(string([]byte{0xa0 + byte(len(s))}), string([]byte{0xd9, byte(len(s))}), string([]byte{0xda, 0, byte(len(s))}),
			string([]byte{0xdb, 0, 0, 0, byte(len(s))})) + s
	case 9, 10:
		return m.pick(string([]byte{0x90 + byte(n)}), string([]byte{0xdc, 0, byte(n)}), string([]byte{0xdd, 0, 0, 0, byte(n)})) + values(n)
	default:
		return m.pick(string([]byte{0x80 + byte(n)}), string([]byte{0xde, 0, byte(n)}), string([]byte{0xdf, 0, 0, 0, byte(n)})) + values(2*n)
	}
}

// allBytes are what msgpack is spoilt with.
func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

// structFormat makes a format of struct and the arguments for it.
func (m chunkMaker) structFormat() (format, args string) {
	for range m.IntN(8) {
		if m.IntN(4) == 0 {
			format += m.pick("<", ">", "!", "!2", "!4", "!8", "!16", " ", "!3", "!0", "z", "5", "=")
		}
		option := m.pick("b", "B", "h", "H", "l", "L", "T", "i", "I", "i1", "i2", "I3", "i5", "I7", "i8", "I9", "i16", "I32", "i33", "i0", "f", "d", "x", "s", "c", "c0", "c3",
			"bc0", "Hc0", "c99999999999")
		format += option
		switch option {
		case "x":
			continue
		case "s", "c", "c0", "c3":
			args += "," + m.str()
		case "bc0", "Hc0":
			s := m.str()
			args += ",#" + s + "," + s
		default:
			args += "," + m.number()
		}
	}
	return format, args
}

func TestJSONEncodeLikeRedis(t *testing.T) {
	m := newChunkMaker(t, 1)
	var chunks []string
	for range 4000 {
		value, unordered := m.value(3)
		if unordered {
			chunks = append(chunks, "local ok, s = pcall(cjson.encode, "+value+") if ok then return #s, cjson.decode(s) end")
		} else {
			chunks = append(chunks, "return cjson.encode("+value+")")
		}
	}
	for range 1000 {
		chunks = append(chunks, fmt.Sprintf("local c = cjson.new() c.encode_number_precision(%d) c.encode_invalid_numbers(%s) return c.encode(%s)",
			1+m.IntN(14), m.pick("true", "false", "'null'", "'on'"), m.number()))
		chunks = append(chunks, fmt.Sprintf("local c = cjson.new() c.encode_sparse_array(%s, %d, %d) return c.encode({[%d]=1})",
			m.pick("true", "false"), m.IntN(4), m.IntN(12), 1+m.IntN(30)))
	}
	compareCases(t, chunks)
}

func TestJSONDecodeLikeRedis(t *testing.T) {
	m := newChunkMaker(t, 2)
	var chunks []string
	for range 6000 {
		text := quoteLua(m.spoil(m.json(3), "{}[]:,\"\\0129eE+-.xunt \x00\x80"))
		chunks = append(chunks, "return cjson.decode("+text+")")
		if m.IntN(4) == 0 {
			chunks = append(chunks, "local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("+text+")")
		}
	}
	compareCases(t, chunks)
}

func TestMessagePackLikeRedis(t *testing.T) {
	m := newChunkMaker(t, 3)
	var chunks []string
	for range 4000 {
		value, unordered := m.value(3)
		if unordered {
			chunks = append(chunks, "local s = cmsgpack.pack("+value+") return #s, cmsgpack.unpack(s)")
		} else {
			chunks = append(chunks, "return cmsgpack.pack("+value+")")
		}
	}
	for range 6000 {
		data := ""
		for range 1 + m.IntN(3) {
			data += m.msgpack(3)
		}
		data = quoteLua(m.spoil(data, allBytes()))
		chunks = append(chunks, fmt.Sprintf(m.pick("return cmsgpack.unpack(%s)", "return cmsgpack.unpack_one(%s)", "return cmsgpack.unpack_one(%s, 1)",
			"return cmsgpack.unpack_limit(%s, 2)", "return cmsgpack.unpack_limit(%s, 1, 2)"), data))
	}
	compareCases(t, chunks)
}

func TestStructLikeRedis(t *testing.T) {
	m := newChunkMaker(t, 4)
	var chunks []string
	for range 5000 {
		format, args := m.structFormat()
		if m.IntN(10) == 0 && args != "" {
			args = args[:strings.LastIndexByte(args, ',')]
		}
		data := make([]byte, m.IntN(64))
		for i := range data {
			data[i] = byte(m.IntN(256)) >> (m.IntN(2) * 7)
		}
		chunks = append(chunks, fmt.Sprintf("return struct.pack(%q%s)", format, args), fmt.Sprintf("return struct.size(%q)", format),
			fmt.Sprintf("return struct.unpack(%q, %s, %s)", format, quoteLua(string(data)), m.pick("1", "1", "2", "nil", "5", "-1", "0", "100")))
	}
	compareCases(t, chunks)
}

func TestBitLikeRedis(t *testing.T) {
	m := newChunkMaker(t, 5)
	var chunks []string
	for range 5000 {
		args := make([]string, 1+m.IntN(3))
		for i := range args {
			if args[i] = m.number(); m.IntN(12) == 0 {
				args[i] = m.pick("'7'", "'0x10'", "'a'", "nil", "{}", "true")
			}
		}
		op := m.pick("tobit", "bnot", "bswap", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex")
		chunks = append(chunks, "return bit."+op+"("+strings.Join(args, ",")+")")
	}
	compareCases(t, chunks)
}

// TestCodecsLikeRedis compares what chance does not come across: arguments of the wrong number and type, settings, limits of depth
// and of results, what the tables hold.
func TestCodecsLikeRedis(t *testing.T) {
	chunks := strings.Split(strings.TrimSpace(oddCases), "\n")
	for _, n := range []int{999, 1000, 1001} {
		chunks = append(chunks, fmt.Sprintf("return #cjson.encode(cjson.decode(string.rep('[', %d) .. '1' .. string.rep(']', %d)))", n, n),
			fmt.Sprintf("local t = {} for i = 2, %d do t = {t} end return #cjson.encode(t)", n))
	}
	for _, n := range []int{3998, 3999, 4000, 4001, 7990, 7996, 7997, 7998, 7999, 8000} {
		for _, chunk := range []string{
			"local c = cjson.new() c.decode_max_depth(100000) return #c.decode(string.rep('[', %[1]d) .. string.rep(']', %[1]d))",
			"local c = cjson.new() c.decode_max_depth(100000) return #c.decode(string.rep('{\"a\":', %[1]d) .. '1' .. string.rep('}', %[1]d))",
			"local c = cjson.new() c.encode_max_depth(100000) local t = {} for i = 2, %d do t = {t} end return #c.encode(t)",
			"local c = cjson.new() c.encode_max_depth(100000) local t = {} for i = 2, %d do t = {a = t} end return #c.encode(t)",
			"return #cmsgpack.unpack(string.rep('\\145', %d) .. '\\1')",
			"return #cmsgpack.unpack(string.rep('\\129\\1', %d) .. '\\1')",
			"return #cmsgpack.unpack(string.rep('\\129', %d) .. '\\1')",
			"return select('#', cmsgpack.unpack(string.rep('\\1', %d)))",
			"return select('#', cmsgpack.unpack_limit(string.rep('\\1', %[1]d), %[1]d))",
			"return select('#', struct.unpack(string.rep('b', %[1]d), string.rep('\\1', %[1]d)))",
			"local t = {} for i = 1, %d do t[i] = i end return #cmsgpack.pack(unpack(t))",
		} {
			chunks = append(chunks, fmt.Sprintf(chunk, n))
		}
	}
	compareCases(t, chunks)
}

// oddCases are chunks, one a line.
const oddCases = `
return cjson.encode()
return cjson.encode(1, 2)
return cjson.encode(nil)
return cjson.encode(tostring)
return cjson.encode({tostring})
return cjson.encode({a = tostring})
return cjson.encode(coroutine.create(function() end))
return cjson.encode({[true] = 1})
return cjson.encode({[{}] = 1})
return cjson.encode({[1/0] = 1})
return cjson.encode({[0.5] = 1})
return cjson.encode({[0] = 1})
return cjson.encode({[-1] = 1})
return cjson.encode({[2^31] = 1})
return cjson.encode({[2^31 - 1] = 1})
return cjson.encode({[2^32 + 1] = 1})
return cjson.encode({[11] = 1, [2] = 2})
return cjson.encode({[21] = 1, [2] = 2, [3] = 3})
return cjson.encode(setmetatable({}, {__index = function() return 1 end}))
return cjson.encode(cjson.null), cjson.encode({cjson.null})
local t = {} t[1] = t return cjson.encode(t)
local t = {} t.a = t return cjson.encode(t)
return cjson.decode()
return cjson.decode('1', '2')
return cjson.decode(nil)
return cjson.decode({})
return cjson.decode(12)
return cjson.decode('')
return cjson.decode(' ')
return cjson.decode('a\0')
return cjson.decode('\0')
return cjson.decode('1\0')
return cjson.decode('[1]\0xyz')
return cjson.decode('"a\0b"')
return cjson.decode('[1] x')
return cjson.decode('+1'), cjson.decode('+inf'), cjson.decode('-nan')
return cjson.decode('+')
return cjson.decode('-')
return cjson.decode('.5')
return cjson.decode('infinite')
return cjson.decode('"' .. string.rep('\\u20ac', 3000) .. '"')
return cjson.decode(string.rep(' ', 100000) .. '7')
return pcall(cjson.decode)
return pcall(cjson.decode, 'x')
return pcall(cjson.encode, tostring)
return cjson.encode_sparse_array(1, 2, 3, 4)
return cjson.encode_max_depth(1, 2)
return cjson.encode_max_depth('x')
return cjson.encode_max_depth(0)
return cjson.encode_max_depth({})
local c = cjson.new() return c.encode_max_depth(), c.encode_max_depth(5), c.encode_max_depth('7'), c.encode_max_depth(7.9), c.encode_max_depth(nil), c.encode({{{}}})
local c = cjson.new() return c.encode_max_depth(2^32 + 5), c.decode_max_depth()
local c = cjson.new() c.encode_max_depth(2) return c.encode({{{}}})
local c = cjson.new() c.decode_max_depth(2) return c.decode('[[{}]]')
local c = cjson.new() c.decode_max_depth(2) return c.decode('[[1],[2]]')
local c = cjson.new() return c.encode_number_precision(), c.encode_number_precision(3), c.encode(1/3)
return cjson.new().encode_number_precision(15)
return cjson.new().encode_number_precision(0)
local c = cjson.new() return c.encode_keep_buffer(), c.encode_keep_buffer(false), c.encode_keep_buffer('on'), c.encode_keep_buffer('off')
return cjson.new().encode_keep_buffer('maybe')
return cjson.new().encode_keep_buffer(1)
return cjson.new().encode_keep_buffer({})
local c = cjson.new() return c.encode_invalid_numbers(), c.encode_invalid_numbers('null'), c.encode_invalid_numbers(true), c.encode_invalid_numbers('on')
local c = cjson.new() c.encode_invalid_numbers('null') return c.encode({1/0, 0/0})
local c = cjson.new() c.encode_invalid_numbers(true) return c.encode({1/0, -1/0, 0/0, [-1/0] = 1})
local c = cjson.new() return c.decode_invalid_numbers(), c.decode_invalid_numbers('off'), c.decode_invalid_numbers(false)
local c = cjson.new() c.decode_invalid_numbers(false) return c.decode('+1')
local c = cjson.new() c.decode_invalid_numbers(false) return c.decode('-inf')
local c = cjson.new() c.decode_invalid_numbers(false) return c.decode('nan')
local c = cjson.new() c.decode_invalid_numbers(false) return c.decode('-0'), c.decode('0.5'), c.decode('[1e3]')
local c = cjson.new() return c.encode_sparse_array(), c.encode_sparse_array(true), c.encode_sparse_array(nil, 5), c.encode_sparse_array(nil, nil, 7)
local c = cjson.new() return c.encode_sparse_array('on', -1)
local c = cjson.new() return pcall(c.encode_sparse_array, true, -1), c.encode_sparse_array()
local c = cjson.new() c.encode_sparse_array(true) return c.encode({[1000] = 1})
local c = cjson.new() c.encode_sparse_array(false, 0) return #c.encode({[100000] = 1})
local c = cjson.new() c.encode_sparse_array(false, 2^31 - 1) return #c.encode({[50] = 1, [51] = 2, [52] = 3})
local c = cjson.new() return c.null == cjson.null, c._NAME, c._VERSION, type(c.new), getmetatable(c)
local c = cjson.new() c.x = 1 return c.x
cjson.x = 1
return rawset(cjson, 'x', 1)
bit.x = 1
struct.x = 1
cmsgpack.x = 1
return cjson.null == cjson.decode('null'), tostring(cjson.null), type(cjson.null), cjson.null == nil, ({[cjson.null] = 5})[cjson.null], not cjson.null
return cjson.null.x
return #cjson.null
return cjson.null .. ''
return cjson._NAME, cjson._VERSION, cmsgpack._NAME, cmsgpack._VERSION, cmsgpack._COPYRIGHT, cmsgpack._DESCRIPTION
return cmsgpack.pack()
return pcall(cmsgpack.pack)
return cmsgpack.pack(nil), cmsgpack.pack(nil, nil)
return cmsgpack.pack({}), cmsgpack.pack({{}}), cmsgpack.pack({[1] = 1, [3] = 3})
return cmsgpack.pack(tostring, cjson.null, coroutine.create(function() end))
return cmsgpack.pack({[2^31] = 1})
return cmsgpack.pack({[2^31 - 1] = 1})
return cmsgpack.pack(0/0), cmsgpack.pack(-(0/0)), cmsgpack.pack(1/0), cmsgpack.pack(-1/0)
return #cmsgpack.pack(string.rep('x', 31), string.rep('x', 32), string.rep('x', 255), string.rep('x', 256), string.rep('x', 65535), string.rep('x', 65536))
return cmsgpack.pack(string.rep('x', 31), string.rep('y', 32), string.rep('z', 256))
local t = {} t[1] = t return cmsgpack.pack(t)
local t = {} t.a = t return cmsgpack.pack(t)
local t = {} for i = 1, 16 do t[i] = i end return cmsgpack.pack(t)
local t = {} for i = 1, 65536 do t[i] = i end return #cmsgpack.pack(t)
local t = {} for i = 1, 16 do t[i * 3] = i end return #cmsgpack.pack(t), cmsgpack.pack(t):sub(1, 3)
local t = {} for i = 1, 65536 do t['k' .. i] = i end return #cmsgpack.pack(t), cmsgpack.pack(t):sub(1, 5)
return cmsgpack.unpack()
return cmsgpack.unpack('')
return cmsgpack.unpack(1)
return cmsgpack.unpack({})
return cmsgpack.unpack('\1\2\3', 'ignored', 'too')
return cmsgpack.unpack_one()
return cmsgpack.unpack_one('')
return cmsgpack.unpack_one('\1\2')
return cmsgpack.unpack_one('\1\2', 1)
return cmsgpack.unpack_one('\1\2', 2)
return cmsgpack.unpack_one('\1\2', 3)
return cmsgpack.unpack_one('\1\2', -1)
return cmsgpack.unpack_one('\1\2', 'x')
return cmsgpack.unpack_limit()
return cmsgpack.unpack_limit('\1\2')
return cmsgpack.unpack_limit('\1\2', -1)
return cmsgpack.unpack_limit('\1\2', 0)
return cmsgpack.unpack_limit('\1\2', 0, 1)
return cmsgpack.unpack_limit('\1\2', 1)
return cmsgpack.unpack_limit('\1\2', 5)
return cmsgpack.unpack_limit({}, 5)
return cmsgpack.unpack_limit(nil, nil)
return cmsgpack.unpack_limit('\1', 2^40)
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\223\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255')
return cmsgpack.unpack('\129\192\1')
return cmsgpack.unpack('\129\192\145')
return cmsgpack.unpack('\129\192\145\1')
return cmsgpack.unpack('\129\203\127\248\0\0\0\0\0\0\1')
return cmsgpack.unpack('\129\1\192')
return cmsgpack.unpack('\130\1\2\1\192')
return cmsgpack.unpack('\129\145\1\145\2')
return cmsgpack.unpack('\129\145\1\192')
return cmsgpack.unpack('\147\192\192\1')
return #cmsgpack.unpack('\147\1\192\3'), #cmsgpack.unpack('\147\192\192\3'), #cmsgpack.unpack('\149\1\192\3\192\5'), #cmsgpack.unpack('\147\1\2\192')
return #cmsgpack.unpack('\152\192\2\3\4\5\6\7\8'), #cmsgpack.unpack('\152\1\192\192\192\192\192\192\8'), #cmsgpack.unpack('\155\1\2\3\4\5\6\7\192\9\10\11')
local t = cjson.decode('[1,2,3,4,5]') t[3] = nil local n = #t t[5] = nil return n, #t
return pcall(cmsgpack.unpack, '\145')
return struct.pack()
return struct.pack('i')
return pcall(struct.pack, 'i')
return struct.pack('ii', 1)
return struct.pack('s')
return struct.pack('i', 'x')
return struct.pack('i', '12')
return struct.pack('s', 12)
return struct.pack('c5', 'abc')
return struct.pack('c0', '')
return struct.pack('i\0zzz', 5)
return struct.pack('\200')
return struct.pack('c2147483648', 'x')
return struct.pack('i99999999999', 1)
return struct.pack('!!2i', 1)
return struct.pack('>!8 b i3 d', 1, 2, 3)
return struct.pack('H', -1), struct.pack('h', 70000), struct.pack('L', 2^63), struct.pack('L', 2^64), struct.pack('l', -2^63), struct.pack('l', -2^70)
return struct.pack('L', 0/0), struct.pack('L', 1/0), struct.pack('L', -1/0), struct.pack('I16', -1), struct.pack('>I16', -1)
return struct.pack('f', 1e300), struct.pack('f', 0.1), struct.pack('d', 0/0), struct.pack('>d', 1)
return struct.unpack()
return struct.unpack('i')
return struct.unpack('i', 'abc')
return struct.unpack('', 'abc', 100)
return struct.unpack(' ', 'abc', 100)
return struct.unpack('', 'abc', -5)
return struct.unpack('!8d', '12345678', -1)
return struct.unpack('b', 'abc', 'x')
return struct.unpack('b', 'abc', 2.9)
return struct.unpack('c0', 'abc')
return struct.unpack('sc0', 'ab\0abc')
return struct.unpack('c1c0', '3abc')
return struct.unpack('bc0', '\255abc')
return struct.unpack('bc0', '\4abc')
return struct.unpack('dc0', '\0\0\0\0\0\0\248\127abc')
return struct.unpack('bc0b', '\2abc')
return struct.unpack('s', 'abc')
return struct.unpack('ss', 'ab\0cd\0')
return struct.unpack('i9i16', string.rep('\255', 30))
return struct.unpack('>i9i16', string.rep('\129', 30))
return struct.unpack('i0I0', '')
return struct.size(), 1
return struct.size('s')
return struct.size('c0')
return struct.size('z'), struct.size('!4bi'), struct.size('c10i3')
return struct.size('%')
return bit.tobit()
return bit.band()
return bit.band(1, nil, {})
return bit.band(1, {}, nil)
return bit.lshift(1)
return bit.tohex(255), bit.tohex(255, 4), bit.tohex(-1, -4), bit.tohex(1, 0), bit.tohex(1, 100), bit.tohex(1, -2^31), bit.tohex(1, nil)
return bit.tohex(255, 2), bit.tohex(255, -2)
return bit.tobit(0xffffffff), bit.tobit(0xffffffff + 1), bit.tobit(2^40 + 1234), bit.tobit(1.5), bit.tobit(2.5), bit.tobit(-1.5)
return bit.lshift(1, 31), bit.lshift(1, 32), bit.rshift(-1, 1), bit.arshift(-8, 2), bit.rol(0x12345678, 12), bit.ror(0x12345678, 12), bit.rol(1, 0)
return bit.bswap(0x12345678), bit.bnot(0), bit.bxor(1, 2, 4), bit.bor(1, 2, 4), bit.band(255, 15, 3)
`
