// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/ds/entries"

// StreamID names an entry of a stream.
type StreamID = entries.ID

// MaxStreamIDText is the longest text of a StreamID, in bytes.
const MaxStreamIDText = entries.MaxIDText

// MaxStreamID gives the greatest StreamID.
func MaxStreamID() StreamID { return entries.MaxID() }
