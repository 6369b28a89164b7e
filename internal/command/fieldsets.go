// SPDX-License-Identifier: BSD-3-Clause

package command

// Fieldset is a list of fields that HIMPORT has given a name: hashes are made of it and of values alone. Immutable.
type Fieldset struct {
	Fields [][]byte
	Order  []int // Fields[Order[0]] is the first in the order in which a hash gets them, and so on
}

// maxFieldsets bounds what the lists of one client may take, in bytes.
const maxFieldsets = 64 << 20

// ErrFieldsets says that a client has prepared too much.
const ErrFieldsets Error = "ERR the fieldsets of this connection are too large"

// Fieldsets are a client's lists of fields by name. The zero value is empty. It belongs to the worker that runs the client's
// commands.
type Fieldsets struct {
	sets  map[string]Fieldset
	bytes int
}

// Bytes tells how much memory the lists take, about.
func (f *Fieldsets) Bytes() int { return f.bytes }

// Get gives a list; false when there is none of that name.
func (f *Fieldsets) Get(name []byte) (Fieldset, bool) {
	set, ok := f.sets[string(name)]
	return set, ok
}

// Put gives a list a name, in place of the one that had it. The name is copied, the list is not. The error is ErrFieldsets.
func (f *Fieldsets) Put(name []byte, set Fieldset) error {
	n := set.size(len(name))
	if old, ok := f.Get(name); ok {
		n -= old.size(len(name))
	}
	if f.bytes+n > maxFieldsets {
		return ErrFieldsets
	}
	if f.sets == nil {
		f.sets = make(map[string]Fieldset)
	}
	f.sets[string(name)] = set
	f.bytes += n
	return nil
}

// Remove drops a list; false when there is none of that name.
func (f *Fieldsets) Remove(name []byte) bool {
	set, ok := f.Get(name)
	if ok {
		delete(f.sets, string(name))
		f.bytes -= set.size(len(name))
	}
	return ok
}

// Clear drops all lists and tells how many there were.
func (f *Fieldsets) Clear() (removed int) {
	removed = len(f.sets)
	*f = Fieldsets{}
	return removed
}

// size gives the bytes that a list takes, about.
func (s *Fieldset) size(name int) int {
	const (
		list  = 128 // an entry of the map
		field = 32  // a slice and a place in the order
	)
	n := list + name + field*len(s.Fields)
	for _, text := range s.Fields {
		n += len(text)
	}
	return n
}
