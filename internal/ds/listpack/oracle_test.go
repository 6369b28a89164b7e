// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// unwrap gives the listpack in the DUMP of a hash.
func unwrap(t *testing.T, dump string) []byte {
	t.Helper()
	const hashListpack = 16
	b := []byte(dump)
	if len(b) < 12 || b[0] != hashListpack {
		t.Fatalf("not the dump of a packed hash: %x", b)
	}
	b = b[1 : len(b)-10] // version and checksum
	switch n := int(b[0]); {
	case n < 0x40:
		return b[1:]
	case n < 0x80:
		return b[2:]
	case n == 0x80:
		if binary.BigEndian.Uint32(b[1:]) != uint32(len(b)-5) {
			t.Fatalf("string of other length: %x", b[:5])
		}
		return b[5:]
	default:
		t.Fatalf("string of unknown encoding %x", n)
		return nil
	}
}

// The same changes to a hash of the reference server and to a listpack of ours give the same bytes.
func TestBytesAsRedis(t *testing.T) {
	c := testutil.Oracle(t, "--rdbcompression", "no", "--hash-max-listpack-entries", "100000",
		"--hash-max-listpack-value", "1000000").Dial(t)
	rng := rand.New(rand.NewPCG(1, 2))
	b := AppendEmpty(nil)
	for i := range 1200 {
		field, value := []byte(randomText(rng)), []byte(randomText(rng))
		at := Find(b, First(b), field, 1)
		switch {
		case rng.IntN(3) == 0 && at != 0 && Count(b) > 2:
			c.Must(t, "HDEL", "h", string(field))
			b = Delete(b, b, at, 2)
		case at != 0:
			c.Must(t, "HSET", "h", string(field), string(value))
			v, off := Bytes(value), Next(b, at)
			b = Replace(make([]byte, 0, SizeAfterReplace(b, off, v)), b, off, v)
		default:
			c.Must(t, "HSET", "h", string(field), string(value))
			f, v := Bytes(field), Bytes(value)
			b = Append(make([]byte, 0, SizeAfterInsert(b, f, v)), b, f, v)
		}
		if i%40 != 0 {
			continue
		}
		if got := c.Must(t, "OBJECT", "ENCODING", "h").Str; got != "listpack" {
			t.Fatalf("the hash is a %s", got)
		}
		if want := unwrap(t, c.Must(t, "DUMP", "h").Str); !bytes.Equal(b, want) {
			t.Fatalf("after %d changes: %s", i+1, difference(b, want))
		}
	}
	if err := Validate(b); err != nil {
		t.Error(err)
	}
}

// Lengths around the limits of the encodings, those of the length that is read backwards among them.
func TestLengthsAsRedis(t *testing.T) {
	c := testutil.Oracle(t, "--rdbcompression", "no", "--hash-max-listpack-value", "100000000").Dial(t)
	for _, edge := range []int{63, 125, 4095, 16377, 1<<21 - 7} {
		for n := edge - 3; n <= edge+3; n++ {
			value := bytes.Repeat([]byte("v"), n)
			c.Must(t, "DEL", "h")
			c.Must(t, "HSET", "h", "f", string(value))
			if got, want := build("f", string(value)), unwrap(t, c.Must(t, "DUMP", "h").Str); !bytes.Equal(got, want) {
				t.Errorf("a string of %d bytes: %s", n, difference(got, want))
			}
		}
	}
}

// difference shows where two blobs begin to differ.
func difference(got, want []byte) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d bytes, want %d; at %d %x, want %x", len(got), len(want), i, got[i:min(i+20, len(got))], want[i:min(i+20, len(want))])
}
