// SPDX-License-Identifier: BSD-3-Clause

// Package geos is the family of commands on places, which are kept as the members of sorted sets: table first, handlers in the files
// named after what they do (place.go, search.go). How places become scores, and what lies within a shape, is internal/geo's business;
// the package knows nothing of locks, sockets or other families.
package geos

import "github.com/redpoll/redpoll/internal/command"

// Parts of the syntax.
const (
	unitSyntax   = "unit=(M | KM | FT | MI)"
	circleSyntax = "radius:double " + unitSyntax
	pointSyntax  = "longitude:double latitude:double"
	withSyntax   = " [WITHCOORD] [WITHDIST] [WITHHASH]"
	orderSyntax  = " order=[ASC | DESC]"
	storeSyntax  = " [STORE key@1] [STOREDIST key@2]"

	countAnySyntax = " count=[COUNT count:int [ANY{6.2.0}]]"
	countSyntax    = " count=[COUNT count:int [ANY]]"

	shapeSyntax = "from=(FROMMEMBER member | FROMLONLAT (" + pointSyntax + ")) " +
		"by=(circle=(BYRADIUS " + circleSyntax + ") | box=(BYBOX width:double height:double " + unitSyntax + ") | " +
		"polygon=(BYPOLYGON num-vertices:int vertex=(" + pointSyntax + ")...){9.0.0})" + orderSyntax + countSyntax
)

// searchComplexity is that of all searches.
const searchComplexity = "O(N+log(M)), N being the members in the cells around the shape, M of the sorted set"

// Changes in the history of several commands.
func anyChange() command.Change { return command.Change{Version: "6.2.0", Text: "COUNT with ANY."} }
func unitChange() command.Change {
	return command.Change{Version: "7.0.0", Text: "Units in upper case."}
}
func polygonChange() command.Change {
	return command.Change{Version: "9.0.0", Text: "BYPOLYGON, without FROMMEMBER and FROMLONLAT."}
}

// radiusKeys is the Keys of GEORADIUS and GEORADIUSBYMEMBER, whose options begin at a position.
func radiusKeys(options int) []command.KeySpec {
	return []command.KeySpec{
		command.KeyAt(1, command.RO|command.Access),
		command.KeyAfter("STORE", options, command.OW|command.Update),
		command.KeyAfter("STOREDIST", options, command.OW|command.Update),
	}
}

// Family declares every command on places.
var Family = command.Family{Name: "geo", Category: command.CatGeo, Commands: []command.Spec{
	{
		Name: "GEOADD", Since: "3.2.0", Complexity: "O(log(N)) for each place added, N being the number of members",
		Summary: "Adds places to a sorted set, or moves those that are there.",
		Syntax:  "key condition=[NX | XX]{6.2.0} [change=CH{6.2.0}] (" + pointSyntax + " member)...",
		Flags:   command.Write | command.DenyOOM,
		Keys:    command.OneKey(command.RW | command.Update),
		History: []command.Change{{Version: "6.2.0", Text: "CH, NX and XX."}},
		Run:     geoadd,
	},
	{
		Name: "GEODIST", Since: "3.2.0", Complexity: "O(1)",
		Summary: "Returns the distance between two places.",
		Syntax:  "key member1 member2 unit=[M | KM | FT | MI]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     geodist,
	},
	{
		Name: "GEOHASH", Since: "3.2.0", Complexity: "O(1) for each place",
		Summary: "Returns the geohashes of places as texts.",
		Syntax:  "key member...", Arity: -2,
		Flags: command.ReadOnly,
		Keys:  command.OneKey(command.RO | command.Access),
		Run:   geohash,
	},
	{
		Name: "GEOPOS", Since: "3.2.0", Complexity: "O(1) for each place",
		Summary: "Returns the longitudes and latitudes of places.",
		Syntax:  "key member...", Arity: -2,
		Flags: command.ReadOnly,
		Keys:  command.OneKey(command.RO | command.Access),
		Run:   geopos,
	},
	{
		Name: "GEORADIUS", Since: "3.2.0", Complexity: searchComplexity,
		Summary: "Returns or stores the places at most so far from a point.",
		Syntax:  "key " + pointSyntax + " " + circleSyntax + withSyntax + countAnySyntax + orderSyntax + storeSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    radiusKeys(6), FindKeys: radiusFinder(6),
		History: []command.Change{anyChange(), unitChange()},
		Run:     georadius, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS",
	},
	{
		Name: "GEORADIUSBYMEMBER", Since: "3.2.0", Complexity: searchComplexity,
		Summary: "Returns or stores the places at most so far from another place.",
		Syntax:  "key member " + circleSyntax + withSyntax + countSyntax + orderSyntax + storeSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    radiusKeys(5), FindKeys: radiusFinder(5),
		History: []command.Change{unitChange()},
		Run:     georadiusbymember, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS and FROMMEMBER",
	},
	{
		Name: "GEORADIUSBYMEMBER_RO", Since: "3.2.10", Complexity: searchComplexity,
		Summary: "Returns the places at most so far from another place.",
		Syntax:  "key member " + circleSyntax + withSyntax + countSyntax + orderSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     georadiusbymemberRO, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH with BYRADIUS and FROMMEMBER",
	},
	{
		Name: "GEORADIUS_RO", Since: "3.2.10", Complexity: searchComplexity,
		Summary: "Returns the places at most so far from a point.",
		Syntax:  "key " + pointSyntax + " " + circleSyntax + withSyntax + countAnySyntax + orderSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{anyChange()},
		Run:     georadiusRO, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH with BYRADIUS",
	},
	{
		Name: "GEOSEARCH", Since: "6.2.0", Complexity: searchComplexity,
		Summary: "Returns the places within a circle, a box or a polygon.",
		Syntax:  "key " + shapeSyntax + withSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{unitChange(), polygonChange()},
		Run:     geosearch,
	},
	{
		Name: "GEOSEARCHSTORE", Since: "6.2.0", Complexity: searchComplexity,
		Summary: "Stores the places within a circle, a box or a polygon.",
		Syntax:  "destination:key source:key@1 " + shapeSyntax + " [STOREDIST]",
		Flags:   command.Write | command.DenyOOM,
		Keys:    []command.KeySpec{command.KeyAt(1, command.OW|command.Update), command.KeyAt(2, command.RO|command.Access)},
		History: []command.Change{unitChange(), polygonChange()},
		Run:     geosearchstore,
	},
}}
