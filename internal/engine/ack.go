// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
)

// Acknowledgements is the family of the commands that wait until what their client has written is safe elsewhere: in the log's file, or
// on replicas.
var Acknowledgements = command.Family{Name: "acknowledgements", Category: command.CatConnection, Group: "generic", Commands: []command.Spec{
	{
		Name: "WAIT", Since: "3.0.0", Complexity: "O(1)",
		Summary: "Waits until replicas have what the client has written.",
		Syntax:  "numreplicas:int timeout:int",
		Flags:   command.Blocking,
		Tips:    []string{command.TipRequestAllShards, command.TipResponseAggMin},
		Run:     waitReplicas,
	},
	{
		Name: "WAITAOF", Since: "7.2.0", Complexity: "O(1)",
		Summary: "Waits until what the client has written is synced to the append-only file, here and on replicas.",
		Syntax:  "numlocal:int numreplicas:int timeout:int",
		Flags:   command.Blocking,
		Tips:    []string{command.TipRequestAllShards, command.TipResponseAggMin},
		Run:     waitAOF,
	},
}}

// Errors of WAITAOF.
const (
	errNoFile   command.Error = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
	errNumLocal command.Error = "ERR value is out of range, value must between 0 and 1"
)

// ack is what a client waits for in WAIT and WAITAOF. There are no replicas: who wants some waits for all of his time.
type ack struct {
	offset   int64 // in the log, of the client's last effect
	file     bool  // the log's file is to be durable so far
	replicas int64 // that are to have it
	both     bool  // the reply tells of the file and the replicas
}

// acknowledged tells whether the waiting is over: what was waited for is there, or cannot come any more.
func (w *Worker) acknowledged(a *ack) bool {
	log := w.e.Effects
	return a.file && log.File() == FileOff || a.replicas <= 0 && (!a.file || log.synced(a.offset))
}

// acknowledge writes the reply that tells how far things have come.
func (w *Worker) acknowledge(cl *Client, a *ack) error {
	log := w.e.Effects
	switch {
	case a.file && log.File() == FileOff:
		return errNoFile
	case a.both:
		cl.Reply.Array(2)
		if log.synced(a.offset) {
			cl.Reply.Int(1)
		} else {
			cl.Reply.Int(0)
		}
	}
	cl.Reply.Int(0)
	return nil
}

// await replies if there is nothing to wait for, or no waiting; else it has the client wait.
func (w *Worker) await(c *command.Ctx, a *ack, timeout int64) error {
	a.offset = w.client.wrote
	if w.acknowledged(a) || !c.MayWait() {
		return w.acknowledge(w.client, a)
	}
	w.ack = a
	return c.Wait(command.Wait{Timeout: timeout})
}

func waitReplicas(c *command.Ctx) error {
	args := c.Args()
	a := &ack{replicas: args.Int()}
	timeout := args.TimeoutMillis()
	if err := args.Done(); err != nil {
		return err
	}
	return worker(c).await(c, a, timeout)
}

func waitAOF(c *command.Ctx) error {
	args := c.Args()
	a := &ack{both: true, file: args.IntIn(0, 1, errNumLocal) == 1}
	if a.replicas = args.IntOr(command.ErrMustBePositive); a.replicas < 0 {
		args.Fail(command.ErrMustBePositive)
	}
	timeout := args.TimeoutMillis()
	if err := args.Done(); err != nil {
		return err
	}
	return worker(c).await(c, a, timeout)
}

// AwaitsLog tells whether the client waits in WAITAOF, and up to which offset the log has to become durable for it: 0 if it need not wait
// any more, since there is no file.
func (cl *Client) AwaitsLog(l *Log) (offset int64, waits bool) {
	wt := cl.waiting.Load()
	switch {
	case wt == nil || wt.ack == nil || !wt.ack.file:
		return 0, false
	case l.File() == FileOff:
		return 0, true
	case l.File() == FileComing || wt.ack.replicas > 0: // nothing that becomes durable ends it
		return math.MaxInt64 - 1, true
	}
	return wt.ack.offset, true
}
