// SPDX-License-Identifier: BSD-3-Clause

// Package invariants says whether the debug build's checks are compiled in (build tag "invariants"). Enabled is a
// constant, so that a check behind it costs nothing in the shipped build.
package invariants
