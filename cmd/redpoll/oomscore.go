// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
)

// oomScore keeps the score by which the kernel chooses whom to kill when memory runs out as the configuration has it.
type oomScore struct {
	cfg      *config.Config
	log      *slog.Logger
	path     string // of the kernel's file
	base     int    // the score before the first change
	adjusted bool   // base is known, and the score is ours
}

// maxOOMScore is the largest score that the kernel takes; the smallest is as far below 0.
const maxOOMScore = 1000

var errOOMScore = errors.New("Failed to set current oom_score_adj. Check server logs.")

// followOOMScore sets the score now and whenever the configuration changes. At the start an error is only logged.
func followOOMScore(cfg *config.Config, log *slog.Logger, path string) {
	o := &oomScore{cfg: cfg, log: log, path: path}
	cfg.OnChange(func() error {
		err := o.apply()
		if err != nil {
			log.Warn("Failed applying new configuration. Possibly related to new oom-score-adj setting. Restoring previous settings.")
		}
		return err
	}, "oom-score-adj", "oom-score-adj-values")
	_ = o.apply() // it is in the log
}

// apply sets the score, or puts the first one back when it is not to be ours any more.
func (o *oomScore) apply() error {
	mode := o.cfg.Enum("oom-score-adj")
	score := 0
	switch {
	case mode.Is("no") && !o.adjusted:
		return nil
	case mode.Is("no"):
		score = o.base
	default:
		if !o.adjusted && !o.readBase() {
			return errOOMScore
		}
		if score = o.cfg.OOMScores().Load()[0]; !mode.Is("absolute") {
			score += o.base
		}
	}
	score = max(-maxOOMScore, min(score, maxOOMScore))
	if err := os.WriteFile(o.path, []byte(strconv.Itoa(score)), 0o644); err != nil {
		o.log.Warn("Unable to write oom_score_adj: " + config.SystemText(err))
		return errOOMScore
	}
	o.adjusted = !mode.Is("no")
	return nil
}

func (o *oomScore) readBase() bool {
	text, err := os.ReadFile(o.path)
	if err == nil {
		o.base, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		o.log.Warn(fmt.Sprintf("Unable to read oom_score_adj: %s", config.SystemText(err)))
	}
	return err == nil
}
