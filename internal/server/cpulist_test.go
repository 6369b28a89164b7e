// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"testing"
)

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string]string{
		"0": "[0]", "1,3": "[1 3]", "0-3": "[0 1 2 3]", "0-7:3": "[0 3 6]", "1-2, 5": "[1 2 5]",
		"": "", "x": "", "3-1": "", "-1": "", "0-3:0": "", "0-99999": "", "1,,2": "", "0-3:x": "",
	} {
		got := ""
		if cpus, ok := parseCPUs(list); ok {
			got = fmt.Sprint(cpus)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", list, got, want)
		}
	}
}
