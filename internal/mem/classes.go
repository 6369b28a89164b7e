// SPDX-License-Identifier: BSD-3-Clause

package mem

const (
	pageShift = 12
	pageSize  = 1 << pageShift

	// MaxSmall is the biggest request, in bytes, that shares a span with others. A bigger block owns its pages: it can be
	// adopted by another heap, and its pages go back when it is freed.
	MaxSmall = 32 << 10

	numClasses = 75
	largeClass = 0xff // the class of a run that is one block
)

// class describes the blocks of one size and the spans that hold them.
type class struct {
	words  uint16 // size of a block in words of 8 bytes
	blocks uint16 // blocks in a span
	pages  uint32 // pages of a span
}

// classShapes lists block sizes and the pages of their spans. From 128 bytes on neighbours are at most 15 % apart, mostly
// 9 to 12, and a size is chosen so that whole blocks fill their span to within 3 %.
func classShapes() [numClasses][2]int {
	return [numClasses][2]int{
		{8, 4}, {16, 4}, {24, 4}, {32, 4}, {40, 4}, {48, 4}, {56, 4}, {64, 4},
		{72, 4}, {80, 4}, {88, 4}, {96, 4}, {104, 4}, {112, 4}, {120, 4}, {128, 4},
		{144, 4}, {160, 4}, {176, 4}, {192, 4}, {208, 4}, {224, 4}, {240, 4}, {256, 4},
		{280, 4}, {312, 4}, {344, 4}, {376, 4}, {416, 4}, {464, 5}, {512, 4}, {560, 4},
		{616, 5}, {680, 4}, {744, 4}, {816, 4}, {904, 4}, {992, 8}, {1088, 4}, {1200, 5},
		{1312, 9}, {1456, 5}, {1592, 7}, {1752, 6}, {1920, 8}, {2152, 10}, {2384, 7}, {2600, 7},
		{2864, 7}, {3184, 7}, {3504, 6}, {3840, 15}, {4096, 4}, {4608, 9}, {5120, 5}, {5728, 7},
		{6432, 11}, {7168, 7}, {7680, 15}, {8192, 4}, {9216, 9}, {10240, 5}, {11264, 11}, {12288, 6},
		{13648, 10}, {15016, 11}, {16384, 4}, {18432, 9}, {20480, 5}, {22528, 11}, {24576, 6}, {26624, 13},
		{28672, 7}, {30720, 15}, {32768, 8},
	}
}

// classes and classOf never change after the package's start; classOf is indexed by the words that a request needs.
var (
	classes = makeClasses()
	classOf = makeClassOf()
)

// makeClasses has 256 entries so that indexing by a byte needs no bounds check.
func makeClasses() (t [256]class) {
	for i, s := range classShapes() {
		t[i] = class{words: uint16(s[0] / 8), blocks: uint16(s[1] * pageSize / s[0]), pages: uint32(s[1])}
	}
	return t
}

func makeClassOf() (t [MaxSmall/8 + 1]uint8) {
	c := 0
	for words := range t {
		if words > int(classes[c].words) {
			c++
		}
		t[words] = uint8(c)
	}
	return t
}

// Usable returns the bytes that a request of n bytes really takes, n at least 1. A block may grow in place up to it: every
// n with the same Usable names the same block to Free.
func Usable(n int) int {
	if uint(n-1) < MaxSmall {
		return int(classes[classOf[(n+7)>>3]].words) * 8
	}
	return (n + pageSize - 1) &^ (pageSize - 1)
}
