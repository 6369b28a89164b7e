// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"math"
	"strings"
)

// rawIDText writes an ID as 16 bytes.
func rawIDText(ms, seq uint64) string {
	return string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq))
}

// lenIDText writes an ID as two lengths.
func lenIDText(ms, seq uint64) string { return size(ms) + size(seq) }

// block writes a block of a stream under the ID ms-1.
func block(ms uint64, cells ...string) string { return text(rawIDText(ms, 1)) + text(pack(cells...)) }

// oneBlock is a block with the entries 5-1 (f=v), 5-2 (g=1 h=2) and 7-0 (f=w), and a tombstone between them.
func oneBlock() string {
	return block(5, "3", "1", "1", "f", "0",
		"2", "0", "0", "v", "4",
		"0", "0", "1", "2", "g", "1", "h", "2", "8",
		"3", "1", "0", "x", "4",
		"2", "2", "-1", "w", "4")
}

const threeEntries = "5-1(f=v) 5-2(g=1 h=2) 7-0(f=w) "

// group writes what a group begins with: its name, the last ID 5-2, 2 entries read and these pending entries, 5-1 and others of Ms 5,
// delivered at 1000 and 1 time, 1001 and 2 times, and so on.
func group(name string, pending ...uint64) string {
	return text(name) + lenIDText(5, 2) + size(2) + pendingList(pending...)
}

func pendingList(seqs ...uint64) string {
	b := size(uint64(len(seqs)))
	for i, seq := range seqs {
		b += rawIDText(5, seq) + millis(uint64(1000+i)) + size(uint64(i+1))
	}
	return b
}

// consumer writes a consumer that was seen at 2000 and active at 1500, with pending entries of Ms 5.
func consumer(name string, pending ...uint64) string {
	return text(name) + millis(2000) + millis(1500) + ids(pending...)
}

func ids(seqs ...uint64) string {
	b := size(uint64(len(seqs)))
	for _, seq := range seqs {
		b += rawIDText(5, seq)
	}
	return b
}

// streamInfo writes what follows the blocks of a stream of three entries, up to its groups.
func streamInfo() string {
	return size(3) + lenIDText(9, 0) + lenIDText(5, 1) + lenIDText(6, 1) + size(7)
}

// streamSamples are samples of streams.
func streamSamples() (list []sample) {
	add := func(name string, version int, kind Kind, want string, parts ...string) {
		list = append(list, sample{name, version, kind, strings.Join(parts, ""), "stream: " + want})
	}
	const (
		info  = "leaves 1 last 9-0 first 5-1 deleted 6-1 added 7"
		bare  = "leaves 0 last 0-0 first 0-0 deleted 0-0 added 0"
		noOne = "\x00"
	)
	add("no entries", 0, KindStream, bare, noOne, size(0), lenIDText(0, 0), noOne)
	add("no entries any more", 0, KindStream2, "leaves 0 last 9-1 first 0-0 deleted 8-0 added 12", noOne, size(0), lenIDText(9, 1),
		lenIDText(0, 0), lenIDText(8, 0), size(12), noOne)
	add("entries", 0, KindStream, threeEntries+"leaves 1 last 9-0 first 5-1 deleted 0-0 added 3", size(1), oneBlock(), size(3), lenIDText(9, 0), noOne)
	add("entries and more", 0, KindStream2, threeEntries+info, size(1), oneBlock(), streamInfo(), noOne)
	add("wrong numbers", 0, KindStream2, threeEntries+"leaves 1 last 7-0 first 5-1 deleted 0-0 added 2", size(1), oneBlock(), size(2), lenIDText(6, 0),
		lenIDText(5, 2), lenIDText(0, 0), size(2), noOne)
	add("two blocks", 0, KindStream2, threeEntries+"9-1(a=b) leaves 2 last 9-1 first 5-1 deleted 0-0 added 4", size(2), oneBlock(),
		block(9, "1", "0", "1", "a", "0", "2", "0", "0", "b", "4"), size(4), lenIDText(9, 1), lenIDText(5, 1), lenIDText(0, 0), size(4), noOne)
	add("the greatest IDs", 0, KindStream2, "18446744073709551615-1(a=b) leaves 1 last 18446744073709551615-18446744073709551615 "+
		"first 18446744073709551615-1 deleted 0-0 added 1", size(1), block(math.MaxUint64, "1", "0", "1", "a", "0", "2", "0", "0", "b", "4"), size(1),
		lenIDText(math.MaxUint64, math.MaxUint64), lenIDText(0, 0), lenIDText(0, 0), size(1), noOne)
	add("a group", 0, KindStream2, threeEntries+info+" group g last 5-2 read 2 consumer a seen 2000 active 2000 5-1 at 1000, 1 times",
		size(1), oneBlock(), streamInfo(), size(1), group("g", 1), size(1), text("a"), millis(2000), ids(1))
	add("an old group", 0, KindStream, threeEntries+"leaves 1 last 9-0 first 5-1 deleted 0-0 added 3 group g last 9-0 read 3",
		size(1), oneBlock(), size(3), lenIDText(9, 0), size(1), text("g"), lenIDText(9, 0), size(0), size(0))
	add("a group that does not know", 0, KindStream2, threeEntries+info+" group g last 5-2 read -1", size(1), oneBlock(), streamInfo(), size(1),
		text("g"), lenIDText(5, 2), size(math.MaxUint64), size(0), size(0))
	add("groups", 11, KindStream3, threeEntries+info+" group a last 5-2 read 2 consumer d seen 2000 active 1500 group b last 5-2 read 2 "+
		"consumer c seen 2000 active 1500 5-1 at 1000, 1 times 5-3 at 1002, 3 times consumer d seen 2000 active 1500 5-2 at 1001, 2 times",
		size(1), oneBlock(), streamInfo(), size(2), group("b", 1, 2, 3), size(2), consumer("d", 2), consumer("c", 1, 3), group("a"), size(1), consumer("d"))
	add("pending out of order", 11, KindStream3, threeEntries+info+" group b last 5-2 read 2 consumer c seen 2000 active 1500 "+
		"5-1 at 1001, 2 times 5-3 at 1000, 1 times",
		size(1), oneBlock(), streamInfo(), size(1), group("b", 3, 1), size(1), consumer("c", 3, 1))
	noProducers := size(100) + size(100) + size(0) + size(0) + size(0)
	add("no producers", 13, KindStream4, threeEntries+info, size(1), oneBlock(), streamInfo(), noOne, noProducers)
	add("producers", 13, KindStream4, threeEntries+info+" {Duration:50 MaxSize:10 Producers:1 IIDs:2 Added:4 Duplicates:5} p/i=5-1 p/j=5-2",
		size(1), oneBlock(), streamInfo(), noOne, size(50), size(10), size(1), text("p"), size(2), text("i"), lenIDText(5, 1), text("j"),
		lenIDText(5, 2), size(4), size(5))
	add("unowned", 14, KindStream5, threeEntries+info+" group g last 5-2 read 2 consumer c seen 2000 active 1500 5-2 at 1001, 2 times "+
		"unowned 5-3, 3 times unowned 5-1, 1 times",
		size(1), oneBlock(), streamInfo(), size(1), group("g", 1, 2, 3), size(1), consumer("c", 2), ids(3, 1), noProducers)
	return list
}

// badStreams are no streams.
func badStreams() (list []sample) {
	add := func(name string, kind Kind, parts ...string) {
		list = append(list, sample{name: name, kind: kind, body: strings.Join(parts, "")})
	}
	const none = "\x00"
	good := size(1) + oneBlock() + streamInfo()
	add("no ID", KindStream2, size(1), text("5-1"), text(pack("1", "0", "0", "0")), streamInfo(), none)
	add("no listpack", KindStream2, size(1), text(rawIDText(5, 1)), text("x"), streamInfo(), none)
	add("an empty listpack", KindStream2, size(1), text(rawIDText(5, 1)), text(pack()), streamInfo(), none)
	add("too few entries", KindStream2, size(1), block(5, "2", "0", "1", "f", "0", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("too many fields", KindStream2, size(1), block(5, "1", "0", "9", "f", "0", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("fields past counting", KindStream2, size(1), block(5, "1", "0", "9223372036854775807", "f", "0", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("entries past counting", KindStream2, size(1), block(5, "9223372036854775807", "1", "1", "f", "0", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("a number that is none", KindStream2, size(1), block(5, "x", "0", "1", "f", "0", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("no end of the master", KindStream2, size(1), block(5, "1", "0", "1", "f", "1", "2", "0", "0", "v", "4"), streamInfo(), none)
	add("a wrong number of pieces", KindStream2, size(1), block(5, "1", "0", "1", "f", "0", "2", "0", "0", "v", "5"), streamInfo(), none)
	add("more than entries", KindStream2, size(1), block(5, "1", "0", "1", "f", "0", "2", "0", "0", "v", "4", "x"), streamInfo(), none)
	add("entries without blocks", KindStream2, none, streamInfo(), none)
	add("a block twice", KindStream2, size(2), oneBlock(), oneBlock(), size(6), lenIDText(9, 0), lenIDText(5, 1), lenIDText(0, 0), size(6), none)
	add("blocks past counting", KindStream2, size(1<<60))
	add("groups past counting", KindStream2, good, size(1<<60))
	add("a group twice", KindStream3, good, size(2), group("g"), none, group("g"), none)
	add("a consumer twice", KindStream3, good, size(1), group("g"), size(2), consumer("c"), consumer("c"))
	add("pending twice", KindStream3, good, size(1), group("g", 1, 1), size(1), consumer("c", 1))
	add("pending for nobody", KindStream3, good, size(1), group("g", 1, 2), size(1), consumer("c", 1))
	add("pending for two", KindStream3, good, size(1), group("g", 1), size(2), consumer("c", 1), consumer("d", 1))
	add("pending for one twice", KindStream3, good, size(1), group("g", 1), size(1), consumer("c", 1, 1))
	add("not pending", KindStream3, good, size(1), group("g", 1), size(1), consumer("c", 1, 2))
	add("pending past counting", KindStream3, good, size(1), text("g"), lenIDText(5, 2), size(2), size(1<<60))
	add("unowned and owned", KindStream5, good, size(1), group("g", 1), size(1), consumer("c", 1), ids(1))
	add("unowned and not pending", KindStream5, good, size(1), group("g", 1), size(1), consumer("c", 1), ids(2))
	add("remembered for ever", KindStream4, good, none, size(86401), size(100), none, none, none)
	add("remembered for no time", KindStream4, good, none, size(0), size(100), none, none, none)
	add("no number of IIDs", KindStream4, good, none, size(100), size(10001), none, none, none)
	add("an IID twice", KindStream4, good, none, size(100), size(100), size(1), text("p"), size(2), text("i"), lenIDText(5, 1), text("i"), lenIDText(5, 2), none, none)
	add("a producer without a name", KindStream4, good, none, size(100), size(100), size(1), text(""), size(1), text("i"), lenIDText(5, 1), none, none)
	return list
}
