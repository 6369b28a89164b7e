// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The longest host name and how many loops there may be.
const (
	maxHostname = 255
	maxLoops    = 128
)

// usableCores is how many cores the process may use, by its affinity and its control group. It is taken before anything
// can have set GOMAXPROCS.
var usableCores = min(runtime.GOMAXPROCS(0), maxLoops)

// fileName checks a name that may not be a path.
func fileName(directive, noun string, mayBeEmpty bool) func(old, s string) (string, error) {
	return func(_, s string) (string, error) {
		if s == "" && !mayBeEmpty {
			return "", errors.New(directive + " can't be empty")
		}
		if strings.Contains(s, "/") {
			return "", errors.New(directive + " can't be a path, just a " + noun)
		}
		return s, nil
	}
}

// directory makes dir absolute, from the old one, and checks that it can be used.
func directory(old, s string) (string, error) {
	if s == "" {
		return "", errors.New("No such file or directory")
	}
	path := s
	if !filepath.IsAbs(path) {
		path = filepath.Join(old, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", errors.New(SystemText(err))
	}
	if !info.IsDir() {
		return "", errors.New("Not a directory")
	}
	return filepath.Clean(path), nil
}

func hostname(_, s string) (string, error) {
	if len(s) > maxHostname {
		return "", errors.New("Hostnames must be less than 256 characters")
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '.' {
			return "", errors.New("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return s, nil
}

func nodename(_, s string) (string, error) {
	if len(s) > maxHostname {
		return "", errors.New("Human readable node names must be less than 256 characters")
	}
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("-._", rune(c)) {
			return "", errors.New("Human readable node names may only contain alphanumeric characters, hyphens, dots or underscores")
		}
	}
	return s, nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// TitleVariables names what may stand in braces in proc-title-template.
func TitleVariables() []string {
	return []string{"title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"}
}

// titleTemplate checks the template of the process title: known variables only, and something in it.
func titleTemplate(_, s string) (string, error) {
	text, ok := ExpandTitle(s, func(name string) string {
		if name == "title" || name == "server-mode" {
			return ""
		}
		return name
	})
	if !ok || strings.Trim(text, " ") == "" {
		return "", errors.New("template format is invalid or contains unknown variables")
	}
	return s, nil
}

// ExpandTitle fills in the variables of a title's template; ok is false when one is unknown or a brace is not closed.
func ExpandTitle(template string, value func(name string) string) (text string, ok bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(TitleVariables(), name) {
			return "", false
		}
		b.WriteString(value(name))
		template = next
	}
}

// localeName checks that the name has the form of a locale's; which there are is the system's business.
func localeName(_, s string) (string, error) {
	if base, _, _ := strings.Cut(s, "."); s == "" || base == "C" || base == "POSIX" {
		return s, nil
	}
	language, rest, ok := strings.Cut(s, "_")
	if ok && (len(language) == 2 || len(language) == 3) && len(rest) >= 2 && strings.ToLower(language) == language {
		if country := rest[:2]; strings.ToUpper(country) == country && (len(rest) == 2 || rest[2] == '.' || rest[2] == '@') {
			return s, nil
		}
	}
	return "", errors.New("Invalid locale name")
}

// versionText checks redis-version: three numbers with dots, since clients take it apart.
func versionText(_, s string) (string, error) {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		if n, ok := parseInt(part); !ok || n < 0 || n > 255 {
			parts = nil
		}
	}
	if len(parts) != 3 {
		return "", errors.New("argument must be a version such as 7.0.15")
	}
	return s, nil
}

// shutdownWords refuses a set of shutdown options that contradict each other.
func shutdownWords(set []string) error {
	if slices.Contains(set, "save") && slices.Contains(set, "nosave") {
		return errors.New("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	return nil
}
