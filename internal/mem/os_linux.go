// SPDX-License-Identifier: BSD-3-Clause

//go:build linux && !race

package mem

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	contiguous     = true // the whole arena is one region
	defaultReserve = 1 << 40
	minReserve     = 64 << 20
	stepPages      = 64 << 20 >> pageShift
)

// view finds memory and book-keeping; both are address ranges without holes, so it never changes once made.
type view struct {
	data  unsafe.Pointer // the arena's first byte
	books unsafe.Pointer // page's array, one a page of the arena
}

func (v *view) at(r Ref) unsafe.Pointer { return unsafe.Add(v.data, r<<3) }

func (v *view) page(p uint32) *page { return (*page)(unsafe.Add(v.books, uintptr(p)*pageBookSize)) }

// space is the part of the address space that an arena has reserved.
type space struct {
	view
	pages  uint32 // reserved
	osPage uint32 // pages of ours in a page of the system, at least 1
}

// reserve takes up to size bytes of address space, half of that while the system refuses, and no memory. Half of a limited
// address space is left to the rest of the process.
func reserve(size int64) (space, error) {
	least := min(size, minReserve)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		size = max(least, min(size, int64(limit.Cur/2)))
	}
	s := space{osPage: uint32(max(1, os.Getpagesize()/pageSize))}
	unit := int64(s.osPage) << pageShift
	for {
		size = (size + unit - 1) / unit * unit
		data, err := mapNothing(size)
		if err == nil {
			s.pages = uint32(size >> pageShift)
			if s.books, err = mapNothing(s.booksSize()); err == nil {
				s.data = data
				return s, nil
			}
			_ = unix.MunmapPtr(data, uintptr(size))
		}
		if size/2 < least {
			return space{}, fmt.Errorf("mem: cannot reserve %d bytes of address space: %w", size, err)
		}
		size /= 2
	}
}

// mapNothing reserves addresses that nothing may touch yet. Huge pages are refused: they make resident what nobody uses.
func mapNothing(size int64) (unsafe.Pointer, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(unsafe.Slice((*byte)(p), size), unix.MADV_NOHUGEPAGE) // a kernel without huge pages says EINVAL
	return p, nil
}

func (s *space) booksSize() int64 { return wholePages(int64(s.pages) * pageBookSize) }

// wholePages rounds n up to the system's pages.
func wholePages(n int64) int64 {
	size := int64(os.Getpagesize())
	return (n + size - 1) &^ (size - 1)
}

// open makes pages [lo, hi) and their book-keeping usable; they read as zero. After an error nothing has changed that
// matters.
func (s *space) open(lo, hi uint32) error {
	from := int64(lo) * pageBookSize &^ int64(os.Getpagesize()-1)
	to := wholePages(int64(hi) * pageBookSize)
	if err := protect(unsafe.Add(s.books, from), to-from); err != nil {
		return err
	}
	return protect(unsafe.Add(s.data, int64(lo)<<pageShift), int64(hi-lo)<<pageShift)
}

func protect(p unsafe.Pointer, n int64) error {
	return unix.Mprotect(unsafe.Slice((*byte)(p), n), unix.PROT_READ|unix.PROT_WRITE)
}

// discard gives the memory of n pages back to the system; they read as zero afterwards. Of a page of the system that
// is bigger than ours, only a whole one goes.
func (s *space) discard(p, n uint32) bool {
	lo := (p + s.osPage - 1) / s.osPage * s.osPage
	hi := (p + n) / s.osPage * s.osPage
	if lo >= hi {
		return true
	}
	b := unsafe.Slice((*byte)(unsafe.Add(s.data, int64(lo)<<pageShift)), int64(hi-lo)<<pageShift)
	return unix.Madvise(b, unix.MADV_DONTNEED) == nil
}

func (s *space) close() error {
	err := unix.MunmapPtr(s.data, uintptr(s.pages)<<pageShift)
	if e := unix.MunmapPtr(s.books, uintptr(s.booksSize())); err == nil {
		err = e
	}
	return err
}
