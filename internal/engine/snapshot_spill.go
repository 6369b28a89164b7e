// SPDX-License-Identifier: BSD-3-Clause

package engine

import "io"

// SpillFile is a temporary file that nobody else uses.
type SpillFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
}

// newSpill gives a spill without a file, which open opens when it is wanted; nil: there is none to be had.
func newSpill(open func() (SpillFile, error)) spill { return spill{open: open, failed: open == nil} }

// spill is a file of pre-images that are too many for the memory. All of them together are no more than the data. It belongs to the
// walker.
type spill struct {
	open   func() (SpillFile, error)
	file   SpillFile // nil until it is used
	size   int64     // bytes that were put in
	failed bool      // it takes no more
	rest   []byte    // what it has not taken
	room   []byte
}

// add puts a chunk in; after an error nothing of that is in it.
func (s *spill) add(chunk []byte) (err error) {
	defer func() { s.failed = err != nil }()
	if s.file == nil {
		if s.file, err = s.open(); err != nil {
			s.file = nil
			return err
		}
	}
	if _, err = s.file.WriteAt(chunk, s.size); err == nil {
		s.size += int64(len(chunk))
	}
	return err
}

// empty gives all that was put in to write, and takes it out.
func (s *spill) empty(write func(p []byte)) error {
	if s.size == 0 {
		return nil
	}
	if s.room == nil {
		s.room = make([]byte, snapshotPiece)
	}
	for at := int64(0); at < s.size; {
		piece := s.room[:min(int64(len(s.room)), s.size-at)]
		if n, err := s.file.ReadAt(piece, at); n < len(piece) {
			return err
		}
		write(piece)
		at += int64(len(piece))
	}
	s.size = 0
	return s.file.Truncate(0)
}

// close gives the file back.
func (s *spill) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing of it is wanted any more
	}
	*s = newSpill(s.open)
}
