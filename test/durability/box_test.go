// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/disk/disktest"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/server"
	"github.com/redpoll/redpoll/internal/testutil"
)

// A box is a server in this process, on a disk in memory.
type box struct {
	server *server.Server
	addr   string
	log    *testutil.Lines
}

// directives are what a box is set to, by name.
type directives map[string]string

// newDisk makes a disk that has a directory for certain.
func newDisk(t testing.TB, dir string) *disktest.Disk {
	t.Helper()
	d := disktest.New()
	err := d.MkdirAll(dir, 0o700)
	for up := dir; up != filepath.Dir(up); up = filepath.Dir(up) {
		err = errors.Join(err, d.SyncDir(filepath.Dir(up)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// boot starts a server on a disk whose data lies in dir, which must be there on the machine's disk too, and waits for its data.
func boot(d *disktest.Disk, dir string, set directives) (*box, error) {
	b := &box{log: &testutil.Lines{}}
	all := directives{"bind": "127.0.0.1", "port": "0", "save": "", "dir": dir, "enable-debug-command": "yes"}
	maps.Copy(all, set)
	var src config.Source
	for name, value := range all {
		src.Options += name + " " + resp.Quote(value) + "\n"
	}
	cfg := config.New()
	if err := cfg.Load(src); err != nil {
		return nil, err
	}
	var err error
	b.server, err = server.Start(server.Options{
		Config: cfg, Disk: d, Log: slog.New(slog.NewTextHandler(b.log, nil)), Loops: 2, Shards: 8, BigValues: 8 << 10,
	})
	if err == nil {
		if err = b.server.AwaitData(); err != nil {
			b.server.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, b.log)
	}
	b.addr = b.server.Addrs()[0].String()
	go func() { // as the process does when the server is to end
		<-b.server.Stopped()
		_ = b.server.Close() // whoever closes it gets the error
	}()
	return b, nil
}

// mustBoot is boot for the length of a test.
func mustBoot(t testing.TB, d *disktest.Disk, dir string, set directives) *box {
	t.Helper()
	b, err := boot(d, dir, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.server.Close() })
	return b
}

func (b *box) dial() (*testutil.Client, error) { return testutil.Connect("tcp", b.addr) }

// visit boots a server on a disk, gives a look at it, and closes it.
func visit(d *disktest.Disk, dir string, set directives, look func(c *testutil.Client) error) error {
	b, err := boot(d, dir, set)
	if err != nil {
		return err
	}
	defer b.server.Close()
	c, err := b.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := look(c); err != nil {
		return fmt.Errorf("%w\n%s", err, b.log)
	}
	return nil
}

// An album is images of a disk that loses power, each different one once.
type album struct {
	r      *rand.Rand
	mu     sync.Mutex
	images []image         // guarded by mu
	have   map[string]bool // guarded by mu
}

// An image is a disk as it may be, and when power was lost.
type image struct {
	disk *disktest.Disk
	when string
}

func newAlbum(r *rand.Rand) *album { return &album{r: r, have: map[string]bool{}} }

// add takes images of a disk.
func (a *album) add(d *disktest.Disk, n int, order disktest.Order, when string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		img := d.Crash(a.r, order)
		if print := fingerprint(img, "/"); !a.have[print] {
			a.have[print] = true
			a.images = append(a.images, image{img, when})
		}
	}
}

// fingerprint tells disks apart by names and bytes.
func fingerprint(d disk.FS, dir string) string {
	h := sha256.New()
	for _, name := range tree(d, dir) {
		fmt.Fprintln(h, name)
		f, err := d.Open(name)
		if err == nil {
			_, err = io.Copy(h, f)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			panic(err)
		}
	}
	return string(h.Sum(nil))
}

// tree lists the files below a directory.
func tree(d disk.FS, dir string) (names []string) {
	list, err := d.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	for _, e := range list {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			names = append(names, tree(d, name)...)
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
