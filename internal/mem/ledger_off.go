// SPDX-License-Identifier: BSD-3-Clause

//go:build !invariants

package mem

// ledger is what the debug build knows of each block; see ledger_on.go.
type ledger struct{}

func (l *ledger) init() {}

func (h *Heap) born(r Ref, n int) {}

func (h *Heap) died(r Ref, n int) {}

func (h *Heap) handOver(to *Heap, r Ref, n int) {}

func (h *Heap) checkAccess(r Ref, n int) {}

func (h *Heap) checkPoison(r Ref, size int) {}

func poison(b []byte) {}
