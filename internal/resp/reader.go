// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/redpoll/redpoll/internal/num"
)

// Value is one reply, decoded. It holds what the bytes held: two values are equal exactly when the replies were.
type Value struct {
	// Type is the reply's first byte: '+', '-', ':', '$', '*' of RESP2; '%', '~', '>', '_', ',', '#', '(', '=' of RESP3.
	Type byte
	// Null tells "$-1" and "*-1" from the empty ones; it is set for '_' too.
	Null bool
	// Str is the text of everything but integers and aggregates; of '=' with its format ("txt:…"), of ',' and '#' as sent.
	Str string
	// Int is the value of ':'; of one past 63 bits, as indices of arrays may be, it has the same bits.
	Int int64
	// Elems are the elements of an aggregate; of a map keys and values in turn.
	Elems []Value
	// Attrs are the keys and values of an attribute sent before this reply.
	Attrs []Value
}

// Reader decodes replies for tests and tools. It is not safe for concurrent use.
type Reader struct {
	r   *bufio.Reader
	max int64
}

// errReply is wrapped by every error about bytes that are no reply.
var errReply = errors.New("resp: malformed reply")

// The bounds of what a Reader accepts.
const (
	maxDepth     = 128
	readerBuffer = 16 << 10
	readStep     = 1 << 20 // a bulk's memory grows with what arrives, not with its header
)

// NewReader returns a Reader of the replies in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, readerBuffer), max: defaultMaxBulk}
}

// Buffered returns the number of bytes read from the source and not decoded yet.
func (r *Reader) Buffered() int { return r.r.Buffered() }

// Read decodes the next reply. The error is io.EOF only between replies.
func (r *Reader) Read() (Value, error) {
	if _, err := r.r.Peek(1); err != nil {
		return Value{}, err
	}
	v, err := r.value(0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

func (r *Reader) value(depth int) (v Value, err error) {
	if depth > maxDepth {
		return v, fmt.Errorf("%w: nested too deeply", errReply)
	}
	line, err := r.line()
	if err != nil {
		return v, err
	}
	if line == "" {
		return v, fmt.Errorf("%w: empty line", errReply)
	}
	v.Type = line[0]
	rest := line[1:]
	switch v.Type {
	case '+', '-', ',', '#', '(':
		v.Str = rest
	case ':':
		var ok bool
		if v.Int, ok = num.ParseInt([]byte(rest)); !ok {
			var u uint64
			u, ok = num.ParseUint([]byte(rest))
			v.Int = int64(u)
		}
		if !ok {
			err = fmt.Errorf("%w: integer %q", errReply, rest)
		}
	case '_':
		v.Null = true
	case '$', '=':
		err = r.bulk(&v, rest)
	case '*', '~', '>', '%', '|':
		err = r.aggregate(&v, rest, depth)
		if v.Type == '|' && err == nil {
			attrs := v.Elems
			v, err = r.value(depth + 1)
			v.Attrs = attrs
		}
	default:
		err = fmt.Errorf("%w: type %q", errReply, v.Type)
	}
	return v, err
}

// line reads up to CRLF, which it drops.
func (r *Reader) line() (string, error) {
	var line []byte
	for {
		part, err := r.r.ReadSlice('\n')
		line = append(line, part...)
		if err == bufio.ErrBufferFull && int64(len(line)) <= r.max {
			continue
		}
		if err != nil {
			return "", err
		}
		if n := len(line); n >= 2 && line[n-2] == '\r' {
			return string(line[:n-2]), nil
		}
	}
}

func (r *Reader) length(text string) (int64, error) {
	n, ok := num.ParseInt([]byte(text))
	if !ok || n < -1 || n > r.max {
		return 0, fmt.Errorf("%w: length %q", errReply, text)
	}
	return n, nil
}

func (r *Reader) bulk(v *Value, text string) error {
	n, err := r.length(text)
	if err != nil {
		return err
	}
	if n < 0 {
		v.Null = true
		return nil
	}
	n += 2
	b := make([]byte, 0, min(n, readStep))
	for int64(len(b)) < n {
		have := len(b)
		step := int(min(n-int64(have), readStep))
		b = append(b, make([]byte, step)...)
		if _, err := io.ReadFull(r.r, b[have:]); err != nil {
			return err
		}
	}
	if b[n-2] != '\r' || b[n-1] != '\n' {
		return fmt.Errorf("%w: bulk without CRLF", errReply)
	}
	v.Str = string(b[:n-2])
	return nil
}

func (r *Reader) aggregate(v *Value, text string, depth int) error {
	n, err := r.length(text)
	if err != nil {
		return err
	}
	if n < 0 {
		v.Null = true
		return nil
	}
	if v.Type == '%' || v.Type == '|' {
		n *= 2
	}
	v.Elems = make([]Value, 0, min(n, 1024))
	for ; n > 0; n-- {
		e, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.Elems = append(v.Elems, e)
	}
	return nil
}

// Err returns an error reply's text as an error, nil for other replies.
func (v Value) Err() error {
	if v.Type == '-' {
		return errors.New(v.Str)
	}
	return nil
}

// Double returns the number of a ',' reply, or of a bulk or integer as RESP2 sends numbers.
func (v Value) Double() (float64, error) {
	if v.Type == ':' {
		return float64(v.Int), nil
	}
	return strconv.ParseFloat(v.Str, 64)
}
