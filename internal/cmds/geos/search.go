// SPDX-License-Identifier: BSD-3-Clause

package geos

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/geo"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of searches.
const (
	errRadius     command.Error = "ERR need numeric radius"
	errNegative   command.Error = "ERR radius cannot be negative"
	errWidth      command.Error = "ERR need numeric width"
	errHeight     command.Error = "ERR need numeric height"
	errNegBox     command.Error = "ERR height or width cannot be negative"
	errVertices   command.Error = "ERR invalid number of vertices"
	errFew        command.Error = "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"
	errNoMember   command.Error = "ERR could not decode requested zset member"
	errCount      command.Error = "ERR COUNT must be > 0"
	errAny        command.Error = "ERR the ANY argument requires COUNT argument"
	errStoreWith  command.Error = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	errSearchWith command.Error = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
)

// order is that of a result.
type order int8

const (
	unordered  order = iota // as the cells are searched
	ascending               // by distance
	descending              // by distance
)

// search is a call, as its arguments have it.
type search struct {
	c     *command.Ctx
	src   []byte
	zset  store.ZSet
	shape geo.Shape

	withDist, withHash, withCoord bool

	order     order
	count     int64 // the most results, 0: all
	any       bool  // the first that are found will do
	dst       []byte
	storeDist bool // the scores of what is stored are distances

	// What GEOSEARCH has been told so far.
	center             geo.Point
	from               fromKind
	by                 byKind
	width, height      float64 // of a circle the radius
	unit               float64
	vertices           []geo.Point
	stores, searchForm bool // options that the command has

	first firsts // of what is gathered
	steps int    // comparisons since the last tick
}

// fromKind is where the center comes from, byKind what the shape is.
type (
	fromKind uint8
	byKind   uint8
)

const (
	fromNothing fromKind = iota
	fromMember
	fromPoint
)

const (
	byNothing byKind = iota
	byRadius
	byBox
	byPolygon
)

func georadius(c *command.Ctx) error           { return aroundPoint(c, true) }
func georadiusRO(c *command.Ctx) error         { return aroundPoint(c, false) }
func georadiusbymember(c *command.Ctx) error   { return aroundMember(c, true) }
func georadiusbymemberRO(c *command.Ctx) error { return aroundMember(c, false) }

// aroundPoint implements GEORADIUS and, when stores is false, GEORADIUS_RO.
func aroundPoint(c *command.Ctx, stores bool) error {
	args := c.Args()
	s := search{c: c, stores: stores, by: byRadius}
	if err := s.open(args.Key()); err != nil {
		return err
	}
	s.center = takePoint(&args)
	s.takeCircle(&args)
	return s.run(&args)
}

// aroundMember implements GEORADIUSBYMEMBER and, when stores is false, GEORADIUSBYMEMBER_RO.
func aroundMember(c *command.Ctx, stores bool) error {
	args := c.Args()
	s := search{c: c, stores: stores, by: byRadius}
	if err := s.open(args.Key()); err != nil {
		return err
	}
	s.takeMember(&args)
	if s.zset.Len() > 0 {
		s.takeCircle(&args)
	} else { // nobody looks at the radius
		args.Bytes()
		args.Bytes()
	}
	return s.run(&args)
}

func geosearch(c *command.Ctx) error {
	args := c.Args()
	s := search{c: c, searchForm: true}
	if err := s.open(args.Key()); err != nil {
		return err
	}
	return s.run(&args)
}

func geosearchstore(c *command.Ctx) error {
	args := c.Args()
	s := search{c: c, searchForm: true, stores: true}
	s.dst = args.Key()
	if err := s.open(args.Key()); err != nil {
		return err
	}
	return s.run(&args)
}

// open finds the places; the error is store.ErrWrongType. It comes before those of arguments, as in Redis.
func (s *search) open(key []byte) (err error) {
	s.src = key
	s.zset, err = s.c.DB.FindZSet(key)
	return err
}

// takeMember takes the member that is the center. When there are no places at all it may be any.
func (s *search) takeMember(args *command.Args) {
	member := args.Bytes()
	if args.Err() != nil || s.zset.Len() == 0 {
		return
	}
	score, ok := s.zset.Score(member)
	if !ok {
		args.Fail(errNoMember)
	}
	s.center = geo.OfScore(score)
}

// takeLength takes a number of units, which may be negative.
func takeLength(args *command.Args, err error) float64 {
	b := args.Bytes()
	f, ok := num.ParseFloat(b)
	if !ok {
		args.Fail(err)
	}
	return f
}

// takeCircle takes a radius and its unit.
func (s *search) takeCircle(args *command.Args) {
	if s.width = takeLength(args, errRadius); s.width < 0 {
		args.Fail(errNegative)
	}
	s.unit = takeUnit(args)
}

// takeBox takes a width and a height and their unit.
func (s *search) takeBox(args *command.Args) {
	s.width = takeLength(args, errWidth)
	s.height = takeLength(args, errHeight)
	if s.width < 0 || s.height < 0 {
		args.Fail(errNegBox)
	}
	s.unit = takeUnit(args)
}

// takePolygon takes the number of vertices and the vertices.
func (s *search) takePolygon(args *command.Args) {
	n := args.IntOr(errVertices)
	if n != int64(int32(n)) {
		args.Fail(errVertices)
	}
	if args.Err() == nil && (n < 3 || n > int64(args.Len()/2)) {
		args.Fail(errFew)
	}
	if args.Err() != nil {
		return
	}
	s.vertices = make([]geo.Point, 0, n)
	for ; n > 0 && args.More(); n-- {
		s.vertices = append(s.vertices, takePoint(args))
	}
}

// takeOptions takes what is left.
func (s *search) takeOptions(args *command.Args) {
	for args.More() {
		switch {
		case args.Keyword("WITHDIST"):
			s.withDist = true
		case args.Keyword("WITHHASH"):
			s.withHash = true
		case args.Keyword("WITHCOORD"):
			s.withCoord = true
		case args.Keyword("ANY"):
			s.any = true
		case args.Keyword("ASC"):
			s.order = ascending
		case args.Keyword("DESC"):
			s.order = descending
		case args.Len() >= 2 && args.Keyword("COUNT"):
			if s.count = args.Int(); s.count <= 0 {
				args.Fail(errCount)
			}
		case s.stores && !s.searchForm && args.Len() >= 2 && args.Keyword("STORE"):
			s.dst, s.storeDist = args.Key(), false
		case s.stores && !s.searchForm && args.Len() >= 2 && args.Keyword("STOREDIST"):
			s.dst, s.storeDist = args.Key(), true
		case s.stores && s.searchForm && args.Keyword("STOREDIST"):
			s.storeDist = true
		case s.searchForm && s.takeShape(args):
		default:
			args.Fail(command.ErrSyntax)
		}
	}
}

// takeShape takes an option about the shape, if the next one is such, is whole and goes with those before it.
func (s *search) takeShape(args *command.Args) bool {
	switch {
	case args.Len() >= 2 && s.from != fromPoint && s.by != byPolygon && args.Keyword("FROMMEMBER"):
		s.from = fromMember
		s.takeMember(args)
	case args.Len() >= 3 && s.from != fromMember && s.by != byPolygon && args.Keyword("FROMLONLAT"):
		s.from = fromPoint
		s.center = takePoint(args)
	case args.Len() >= 3 && s.by <= byRadius && args.Keyword("BYRADIUS"):
		s.by = byRadius
		s.takeCircle(args)
	case args.Len() >= 4 && (s.by == byNothing || s.by == byBox) && args.Keyword("BYBOX"):
		s.by = byBox
		s.takeBox(args)
	case args.Len() >= 3 && (s.by == byNothing || s.by == byPolygon) && s.from == fromNothing && args.Keyword("BYPOLYGON"):
		s.by = byPolygon
		s.takePolygon(args)
	default:
		return false
	}
	return true
}

// check looks at what the options come to.
func (s *search) check() error {
	name := string(command.UpToNUL(s.c.Argv[0]))
	switch {
	case s.dst != nil && (s.withDist || s.withHash || s.withCoord):
		if s.searchForm {
			return errSearchWith
		}
		return errStoreWith
	case s.searchForm && s.from == fromNothing && s.by != byPolygon:
		return command.Error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + name)
	case s.searchForm && s.by == byNothing:
		return command.Error("ERR exactly one of BYRADIUS and BYBOX can be specified for " + name)
	case s.any && s.count == 0:
		return errAny
	}
	return nil
}

// run reads the options that are left, searches and replies.
func (s *search) run(args *command.Args) error {
	s.takeOptions(args)
	if err := args.Done(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	switch s.by {
	case byRadius:
		s.shape = geo.Circle(s.center, s.width, s.unit)
	case byBox:
		s.shape = geo.Box(s.center, s.width, s.height, s.unit)
	case byPolygon:
		s.shape = geo.Polygon(s.vertices)
	}
	if s.count > 0 && s.order == unordered && !s.any {
		s.order = ascending // the nearest ones are meant
	}
	switch {
	case s.dst != nil:
		return s.store()
	case s.order == unordered:
		return s.reply()
	}
	return s.replyInOrder()
}

// radiusFinder is the FindKeys of GEORADIUS and GEORADIUSBYMEMBER: the last STORE or STOREDIST counts. Options begin at a position.
func radiusFinder(options int) command.KeyFinder {
	return func(dst []command.KeyRef, argv [][]byte) ([]command.KeyRef, bool) {
		dst = append(dst, command.KeyRef{Pos: 1, Flags: command.RO | command.Access})
		for i := options; i+1 < len(argv); i++ {
			switch {
			case command.EqualFold(argv[i], "COUNT"):
				i++
			case command.EqualFold(argv[i], "STORE"), command.EqualFold(argv[i], "STOREDIST"):
				i++
				dst = append(dst, command.KeyRef{Pos: i, Flags: command.OW | command.Update})
			}
		}
		return dst, true
	}
}
