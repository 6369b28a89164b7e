// SPDX-License-Identifier: BSD-3-Clause

package rdb

// Kind is the byte in front of a value that says how it is laid out.
type Kind byte

// The kinds there are, with the version that knows them first if it is not 1.
const (
	KindString         Kind = 0
	KindList           Kind = 1  // texts
	KindSet            Kind = 2  // texts
	KindZSet           Kind = 3  // texts and scores in decimals
	KindHash           Kind = 4  // texts of fields and values
	KindZSet2          Kind = 5  // 8: texts and binary scores
	KindModulePreGA    Kind = 6  // of modules, in candidates of Redis 4.0
	KindModule2        Kind = 7  // 8: of modules
	KindHashZipmap     Kind = 9  // a zipmap in a text
	KindListZiplist    Kind = 10 // a ziplist in a text
	KindSetIntset      Kind = 11 // an intset in a text
	KindZSetZiplist    Kind = 12 // a ziplist in a text
	KindHashZiplist    Kind = 13 // 4: a ziplist in a text
	KindListQuicklist  Kind = 14 // 7: ziplists in texts
	KindStream         Kind = 15 // 9
	KindHashListpack   Kind = 16 // 10: a listpack in a text
	KindZSetListpack   Kind = 17 // 10: a listpack in a text
	KindListQuicklist2 Kind = 18 // 10: listpacks in texts, and long elements by themselves
	KindStream2        Kind = 19 // 10: with the first id, the greatest deleted one, entries added and read
	KindSetListpack    Kind = 20 // 11: a listpack in a text
	KindStream3        Kind = 21 // 11: with the time at which a consumer was active
	KindHashTimedPreGA Kind = 22 // fields with their times, in candidates of Redis 7.4
	KindHashPackPreGA  Kind = 23 // the same in a listpack
	KindHashTimed      Kind = 24 // 12: fields with times, counted from the least of them
	KindHashTimedPack  Kind = 25 // 12: the least time, and a listpack of fields, values and times
	KindStream4        Kind = 26 // 13: with idempotent producers
	KindStream5        Kind = 27 // 14: with pending entries that nobody owns
	KindArray          Kind = 28 // 14

	KindHashTemplatePack    Kind = 29 // 15: fields, and a listpack of values
	KindHashTemplatePackRef Kind = 30 // 15: the same, the fields being in the file
	KindHashTemplate        Kind = 31 // 15: fields and texts of values
	KindHashTemplateRef     Kind = 32 // 15: the same, the fields being in the file
)

// Version gives the first version that has the kind.
func (k Kind) Version() int {
	switch k {
	case KindHashZiplist:
		return 4
	case KindListQuicklist:
		return 7
	case KindZSet2, KindModule2:
		return 8
	case KindStream:
		return 9
	case KindHashListpack, KindZSetListpack, KindListQuicklist2, KindStream2:
		return 10
	case KindSetListpack, KindStream3:
		return 11
	case KindHashTimed, KindHashTimedPack:
		return 12
	case KindStream4:
		return 13
	case KindStream5, KindArray:
		return 14
	case KindHashTemplatePack, KindHashTemplatePackRef, KindHashTemplate, KindHashTemplateRef:
		return 15
	}
	return 1
}

// The forms of what is in a node of KindListQuicklist2.
const (
	nodePlain  = 1 // an element by itself
	nodePacked = 2 // a listpack
)
