// SPDX-License-Identifier: BSD-3-Clause

package geos

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/geo"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// errUnit is the error of a unit that there is not.
const errUnit command.Error = "ERR unsupported unit provided. please use M, KM, FT, MI"

// tickEvery is after how many members a handler ticks.
const tickEvery = 1024

// takePoint takes a longitude and a latitude.
func takePoint(args *command.Args) geo.Point {
	p := geo.Point{Lon: args.Float(), Lat: args.Float()}
	if args.Err() == nil && !p.Valid() {
		args.Fail(command.Error("ERR invalid longitude,latitude pair " + coordinate(p.Lon) + "," + coordinate(p.Lat)))
	}
	return p
}

// coordinate writes a number as C's %f does.
func coordinate(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// takeUnit takes a unit and gives the metres in it.
func takeUnit(args *command.Args) float64 {
	switch {
	case args.Keyword("M"):
		return 1
	case args.Keyword("KM"):
		return 1000
	case args.Keyword("FT"):
		return 0.3048
	case args.Keyword("MI"):
		return 1609.34
	}
	args.Fail(errUnit)
	return 0
}

func geoadd(c *command.Ctx) error {
	args := c.Args()
	key := args.Key()
	var nx, xx, ch bool
	for more := true; more; {
		switch {
		case args.Keyword("NX"):
			nx = true
		case args.Keyword("XX"):
			xx = true
		case args.Keyword("CH"):
			ch = true
		default:
			more = false
		}
	}
	if args.Len() == 0 || args.Len()%3 != 0 || nx && xx {
		return command.ErrSyntax
	}
	options := c.Argv[1 : len(c.Argv)-args.Len()]
	var room [4]store.Scored
	places, size := room[:0], 0
	for args.More() {
		p := takePoint(&args)
		member := args.Bytes()
		places = append(places, store.Scored{Member: member, Score: float64(geo.Hash(p))})
		size += len(member) + store.MemberCost
	}
	if err := args.Err(); err != nil {
		return err
	}
	z, err := c.DB.FindZSetWrite(key)
	if err != nil {
		return err
	}
	if len(places) > 1 {
		z.Reserve(len(places), size)
	}
	var added, changed int64
	for i, p := range places {
		put := true
		if nx || xx {
			_, there := z.Score(p.Member)
			put = there == xx
		}
		if put {
			isNew, moved := z.Put(p.Member, p.Score)
			added += count(isNew)
			changed += count(moved)
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	if added+changed > 0 {
		c.Modified("zadd", key)
		c.Dirty += added + changed - 1
		if c.Logs() {
			propagateAdd(c, options, places)
		}
	}
	if ch {
		added += changed
	}
	c.Reply.Int(added)
	return nil
}

// count is 1 for what is so.
func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// propagateAdd gives the log GEOADD as a ZADD with the scores that the places have got. options are the key and the options.
func propagateAdd(c *command.Ctx, options [][]byte, places []store.Scored) {
	argv := make([][]byte, 0, 1+len(options)+2*len(places))
	argv = append(append(argv, []byte("ZADD")), options...)
	for _, p := range places {
		argv = append(argv, num.AppendUint(nil, uint64(p.Score)), p.Member)
	}
	c.Propagate(argv...)
}

func geodist(c *command.Ctx) error {
	args := c.Args()
	key, one, other := args.Key(), args.Bytes(), args.Bytes()
	unit := 1.0
	switch args.Len() {
	case 0:
	case 1:
		unit = takeUnit(&args)
	default:
		return command.ErrSyntax
	}
	if err := args.Done(); err != nil {
		return err
	}
	z, err := c.DB.FindZSet(key)
	if err != nil {
		return err
	}
	from, ok := z.Score(one)
	to, ok2 := z.Score(other)
	if !ok || !ok2 {
		c.Reply.Null()
		return nil
	}
	replyDistance(c, geo.Distance(geo.OfScore(from), geo.OfScore(to))/unit)
	return nil
}

func geohash(c *command.Ctx) error {
	return eachPlace(c, c.Reply.Null, func(p geo.Point) {
		var room [16]byte
		c.Reply.Bulk(geo.AppendText(room[:0], p))
	})
}

func geopos(c *command.Ctx) error {
	return eachPlace(c, c.Reply.NullArray, func(p geo.Point) { replyPoint(c, p) })
}

// eachPlace replies with an array of what place writes of each member named, or none of one that is not there.
func eachPlace(c *command.Ctx, none func(), place func(geo.Point)) error {
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	members := c.Argv[2:]
	c.Reply.Array(len(members))
	for i, m := range members {
		if score, ok := z.Score(m); ok {
			place(geo.OfScore(score))
		} else {
			none()
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

// replyPoint writes a longitude and a latitude.
func replyPoint(c *command.Ctx, p geo.Point) {
	c.Reply.Array(2)
	var room [32]byte
	c.Reply.Decimal(appendCoordinate(room[:0], p.Lon))
	c.Reply.Decimal(appendCoordinate(room[:0], p.Lat))
}

// appendCoordinate appends a number with up to 17 digits behind the point.
func appendCoordinate(dst []byte, f float64) []byte {
	dst = strconv.AppendFloat(dst, f, 'f', 17, 64)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if string(dst) == "-0" {
		return dst[1:]
	}
	return dst
}

// replyDistance writes a distance with four digits behind the point, a bulk in both protocols.
func replyDistance(c *command.Ctx, d float64) {
	var room [32]byte
	c.Reply.Bulk(appendDistance(room[:0], d))
}

// appendDistance rounds as Redis does: the product with 10,000 may be rounded already. NaN, the distance between two opposite points
// if rounding takes it past half around the globe, comes out as Redis has it.
func appendDistance(dst []byte, d float64) []byte {
	n := int64(math.MinInt64)
	if d = math.RoundToEven(d * 10_000); d < 1<<63 {
		n = int64(d)
	}
	abs := uint64(n)
	if n < 0 {
		dst, abs = append(dst, '-'), -abs
	}
	dst = num.AppendUint(dst, abs/10_000)
	frac := strconv.AppendUint(make([]byte, 0, 8), 10_000+abs%10_000, 10)
	frac[0] = '.'
	return append(dst, frac...)
}
