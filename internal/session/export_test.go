// SPDX-License-Identifier: BSD-3-Clause

package session

// Denies tells whether protected mode keeps a client from remote out.
func Denies(remote string, unix bool, password string, protected bool) bool {
	h := NewHub(Options{Password: func() string { return password }, Protected: func() bool { return protected }})
	return h.denies(remote, unix)
}
