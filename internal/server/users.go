// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
)

// takeUsers looks at the lines user of the configuration. The only user is default, who may do everything; a line that says
// just this, as CONFIG REWRITE of any server writes it, is taken. Any other ends the start: to take no notice of its rules
// would leave the server open.
func (s *Server) takeUsers() error {
	for _, line := range s.config.Users() {
		if why := s.takeUser(line); why != "" {
			return s.config.LineError(line, why)
		}
	}
	if s.config.Str("aclfile").Load() != "" {
		return errors.New("this version of Redpoll has no ACL users: aclfile cannot be used")
	}
	return nil
}

// takeUser gives the reason why a line user cannot be taken, "" when it can.
func (s *Server) takeUser(line config.Line) (why string) {
	const noUsers = "this version of Redpoll has no ACL users"
	if line.Args[0] != "default" {
		return noUsers
	}
	rules := line.Args[1:]
	has := func(names ...string) bool {
		return slices.ContainsFunc(rules, func(rule string) bool { return slices.Contains(names, strings.ToLower(rule)) })
	}
	if !has("on") || !has("~*", "allkeys") || !has("&*", "allchannels") || !has("+@all", "allcommands") {
		return noUsers + ": the user default may do everything"
	}
	pass := s.config.Str("requirepass").Load()
	for _, rule := range rules {
		switch rule = strings.ToLower(rule); rule {
		case "on", "~*", "allkeys", "&*", "allchannels", "+@all", "allcommands", "sanitize-payload":
		case "nopass":
			if pass != "" {
				return noUsers + ": with requirepass the user default has that password"
			}
		case passwordRule(pass):
		default:
			return noUsers + ": the user default may do everything, and has the password of requirepass"
		}
	}
	if pass == "" && !has("nopass") {
		return noUsers + ": the password of the user default is to be set by requirepass"
	}
	return ""
}

// passwordRule gives the rule by which a user has a password.
func passwordRule(pass string) string {
	sum := sha256.Sum256([]byte(pass))
	return "#" + hex.EncodeToString(sum[:])
}

// userLines gives the lines user that describe the users there are.
func (s *Server) userLines() []string {
	pass := s.config.Str("requirepass").Load()
	words := []string{"user default on"}
	if pass == "" {
		words = append(words, "nopass")
	}
	if len(s.config.Users()) > 0 { // Redis says so of users that a line has defined
		words = append(words, "sanitize-payload")
	}
	if pass != "" {
		words = append(words, passwordRule(pass))
	}
	return []string{strings.Join(append(words, "~* &* +@all"), " ")}
}
