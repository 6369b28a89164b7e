// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package invariants

// Enabled tells whether this is a debug build, whose checks may be dear.
const Enabled = true
