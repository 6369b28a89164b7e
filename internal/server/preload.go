// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
)

// preloads tells whether the server is to start from something else than its own files.
func (s *Server) preloads() bool { return s.config.Str("preload-file").Load() != "" }

// preloadsOwn tells whether preload-file names the manifest of the server's own append-only files, which makes it a start like any other.
func (s *Server) preloadsOwn() bool {
	isAOF, path := config.Preload(s.config.Str("preload-file").Load())
	own := s.aofDir("appenddirname")
	return isAOF && filepath.Clean(s.config.InDir(path)) == filepath.Clean(own.File(own.Names.Manifest()))
}

// preloadSource makes a source of what preload-file names, and nothing else: the server's own files are not looked at. The files are left as
// they are, whatever is wrong with them.
func (s *Server) preloadSource() (*source, error) {
	value := s.config.Str("preload-file").Load()
	isAOF, path := config.Preload(value)
	path = s.config.InDir(path)
	s.log.Info("Starting from preload-file " + value)
	if !isAOF {
		f, err := s.disk.Open(path)
		return s.snapshotSource(f, err)
	}
	d, m, err := s.preloadManifest(path)
	if err != nil {
		return nil, &StartError{fmt.Sprintf("Fatal error reading preload-file %s: %s", path, config.SystemText(err)), err}
	}
	l, err := s.openAOF(d, m)
	if err != nil {
		return nil, err
	}
	l.fixed = true
	return l.source(), nil
}

// preloadManifest reads the manifest at a path, or makes one for an append-only file that is alone.
func (s *Server) preloadManifest(path string) (d aof.Dir, m *aof.Manifest, err error) {
	dir, name := filepath.Split(path)
	prefix, isManifest := strings.CutSuffix(name, ".manifest")
	d = aof.Dir{Disk: s.disk, Path: filepath.Clean(dir), Names: aof.Names(prefix)}
	if isManifest {
		m, err = d.ReadManifest()
		return d, m, err
	}
	m = &aof.Manifest{}
	m.AdoptBase(name)
	return d, m, nil
}
