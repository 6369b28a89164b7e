// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// lolwut replies with a picture and, last, the line by which the version is known. Each version of Redis that had a picture of
// its own, chosen by VERSION, has another one here, of the size that its arguments ask for.
func (s *Server) lolwut(c *command.Ctx) error {
	a := command.MakeArgs(c.Argv[1:])
	version := int64(0)
	if a.Len() > 1 && a.Keyword("VERSION") {
		if version = a.Int(); a.Err() != nil {
			return a.Err()
		}
	}
	size := func(standard, most int64) int {
		if !a.More() {
			return int(standard)
		}
		return int(min(max(a.Int(), 1), most))
	}
	var picture string
	switch version {
	case 5:
		width, across, down := size(66, 1000), size(8, 200), size(12, 200)
		if a.Err() == nil {
			picture = meadow(c.DB, width, across, down) + "\nA meadow in the wind."
		}
	case 6:
		width, height, birds := size(80, 1000), size(20, 1000), size(3, 1000)
		if a.Err() == nil {
			picture = evening(c.DB, width, height, birds) + "\nRedpolls on their way home."
		}
	default:
		picture = bird(c.DB)
	}
	if a.Err() != nil {
		return a.Err()
	}
	c.Reply.Verbatim("txt", picture+" Redis ver. "+s.config.Version()+"\n")
	return nil
}

// bird is a redpoll on a twig; which way the twig grows differs from call to call.
func bird(db *store.DB) string {
	twig := strings.Repeat("~", int(db.Rand()%12))
	return `
        .--.
      <( o  )___
        (  ~~  _)
         '-..-'\
   ` + twig + `~~"~"~~~~~~~

`
}

// chance gives a number of 0 to below 1.
func chance(db *store.DB) float64 { return float64(db.Rand()>>11) / (1 << 53) }

// canvas is a picture of dots, of which a character of Braille holds two by four.
type canvas struct {
	width, height int // in dots
	dots          []bool
}

func newCanvas(width, height int) *canvas {
	return &canvas{width, height, make([]bool, width*height)}
}

// line draws a straight line; what is outside of the picture is left out.
func (c *canvas) line(x0, y0, x1, y1 float64) {
	steps := int(math.Max(math.Abs(x1-x0), math.Abs(y1-y0))) + 1
	for i := range steps + 1 {
		t := float64(i) / float64(steps)
		x, y := int(math.Round(x0+(x1-x0)*t)), int(math.Round(y0+(y1-y0)*t))
		if x >= 0 && x < c.width && y >= 0 && y < c.height {
			c.dots[y*c.width+x] = true
		}
	}
}

// String gives the picture as lines of Braille.
func (c *canvas) String() string {
	const braille = 0x2800
	weights := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	var b strings.Builder
	for y := 0; y < c.height; y += 4 {
		for x := 0; x < c.width; x += 2 {
			char := rune(braille)
			for dy := range min(4, c.height-y) {
				for dx := range min(2, c.width-x) {
					if c.dots[(y+dy)*c.width+x+dx] {
						char += weights[dy][dx]
					}
				}
			}
			b.WriteRune(char)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// meadow draws rows of stalks, so many across and down, that the wind bends the more the nearer they are. The width is in
// characters.
func meadow(db *store.DB, width, across, down int) string {
	dots := width * 2
	cell := max(dots/across, 2)
	const tallest = 2000
	c := newCanvas(dots, min(max(cell*down/2, 8), tallest))
	row := float64(c.height) / float64(down)
	for i := range down {
		wind := float64(i) / float64(down)
		for j := range across {
			x, y := (float64(j)+0.5)*float64(cell), (float64(i)+1)*row-1
			lean := (chance(db)*0.4 + wind) * float64(cell)
			high := row * (1 + chance(db))
			c.line(x, y, x+lean/3, y-high*0.6)
			c.line(x+lean/3, y-high*0.6, x+lean, y-high)
		}
	}
	return c.String()
}

// evening paints a landscape in the colours of a terminal: sky, hills, and so many birds before them.
func evening(db *store.DB, width, height, birds int) string {
	const sky, glow, hill, wing = 44, 45, 40, 41 // blue, magenta, black, red
	colour := make([]byte, width*height)
	phase := chance(db) * 2 * math.Pi
	for x := range width {
		top := float64(height) * (0.7 + 0.15*math.Sin(phase+float64(x)*0.09) + 0.05*math.Sin(2*phase+float64(x)*0.31))
		for y := range height {
			switch at := &colour[y*width+x]; {
			case float64(y) >= top:
				*at = hill
			case y > height/2:
				*at = glow
			default:
				*at = sky
			}
		}
	}
	for range birds {
		x, y := int(db.Rand()%uint64(width)), int(db.Rand()%uint64(max(height/2, 1)))
		for dx := -1; dx <= 1; dx++ {
			if x+dx >= 0 && x+dx < width {
				colour[max(y-dx*dx, 0)*width+x+dx] = wing
			}
		}
	}
	var b strings.Builder
	for y := range height {
		last := byte(0)
		for _, now := range colour[y*width : (y+1)*width] {
			if now != last {
				fmt.Fprintf(&b, "\x1b[%dm", now)
				last = now
			}
			b.WriteByte(' ')
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
