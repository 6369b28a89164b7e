// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"testing"
	"testing/fstest"
)

// machine makes a file system of names and contents.
func machine(files ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		root[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return root
}

func TestFindContainer(t *testing.T) {
	const gb, total = 1 << 30, 64 << 30
	for _, c := range []struct {
		name      string
		files     []string
		addresses int64
		limit     int64 // 0: none
		dir       string
	}{
		{"nothing", nil, 0, 0, ""},
		{"version 2 in a name space of its own", []string{"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "1073741824\n"},
			0, gb, "sys/fs/cgroup"},
		{"version 2 without a limit", []string{"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "max\n"}, 0, 0, ""},
		{"version 2 below", []string{"proc/self/cgroup", "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max", "1073741824\n",
			"sys/fs/cgroup/a/memory.max", "max\n"}, 0, gb, "sys/fs/cgroup/a/b"},
		{"version 2, the parent's limit", []string{"proc/self/cgroup", "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max", "2147483648\n",
			"sys/fs/cgroup/a/memory.max", "1073741824\n"}, 0, gb, "sys/fs/cgroup/a"},
		{"version 2, only the container's own part is mounted", []string{"proc/self/cgroup", "0::/docker/12\n",
			"sys/fs/cgroup/memory.max", "1073741824\n"}, 0, gb, "sys/fs/cgroup"},
		{"version 1", []string{"proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/12\n0::/docker/12\n",
			"sys/fs/cgroup/memory/docker/12/memory.limit_in_bytes", "1073741824\n"}, 0, gb, "sys/fs/cgroup/memory/docker/12"},
		{"version 1 mounted below itself", []string{"proc/self/cgroup", "4:memory,hugetlb:/docker/12\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"}, 0, gb, "sys/fs/cgroup/memory"},
		{"version 1 without a limit", []string{"proc/self/cgroup", "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}, 0, 0, ""},
		{"more than there is", []string{"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "1099511627776\n"}, 0, 0, ""},
		{"addresses", []string{"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "2147483648\n"}, gb, gb, ""},
		{"addresses enough", []string{"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "1073741824\n"}, 2 * gb, gb,
			"sys/fs/cgroup"},
		{"out of the mount", []string{"proc/self/cgroup", "0::/../../x\n", "sys/fs/cgroup/memory.max", "1073741824\n"}, 0, 0, ""},
		{"nonsense", []string{"proc/self/cgroup", "\n:\nx\n0::\n", "sys/fs/cgroup/memory.max", "much\n"}, 0, 0, ""},
	} {
		got := findContainer(machine(c.files...), c.addresses, total)
		switch {
		case c.limit == 0 && got != nil:
			t.Errorf("%s: %+v, want none", c.name, got)
		case c.limit > 0 && (got == nil || got.limit != c.limit || got.dir != c.dir):
			t.Errorf("%s: %+v, want %d of %q", c.name, got, c.limit, c.dir)
		}
	}
}

func TestBudget(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		limit, used, cache, pages, runtime, want int64 // MB
	}{
		{1024, 100, 20, 60, 10, 1024 - 128 - 20},
		{1024, 60, 0, 60, 10, 1024 - 128 - 10}, // the runtime takes something in any case
		{128, 30, 0, 10, 5, 128 - 32 - 20},
		{32, 20, 0, 4, 4, 32 - 16 - 16}, // as little as possible
		{64 << 10, 1000, 0, 500, 4, 64<<10 - 1024 - 500},
	} {
		root := machine("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", fmt.Sprint(c.limit*mb),
			"sys/fs/cgroup/memory.current", fmt.Sprint(c.used*mb),
			"sys/fs/cgroup/memory.stat", fmt.Sprintf("anon 5\ninactive_file %d\nactive_file 7\n", c.cache*mb))
		got := findContainer(root, 0, 1<<40).budget(c.pages*mb, c.runtime*mb)
		if want := max(c.want*mb, 1); got != want {
			t.Errorf("%+v: %d MB, want %d", c, got/mb, want/mb)
		}
	}
	if got := findContainer(machine(), 512*mb, 1<<40).budget(100*mb, 10*mb); got != (512-64)*mb {
		t.Errorf("of 512 MB of addresses: %d MB", got/mb)
	}
}
