// SPDX-License-Identifier: BSD-3-Clause

// Package entries knows how entries of a stream are named.
package entries
