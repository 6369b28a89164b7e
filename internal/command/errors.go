// SPDX-License-Identifier: BSD-3-Clause

package command

import "errors"

// Error is an error that goes to the client as it is: its text is the whole line after the '-', beginning with the code
// word ("ERR", "WRONGTYPE", …) that clients match on.
type Error string

// Error gives the line as the client sees it.
func (e Error) Error() string { return string(e) }

// Errors of arguments: the command was understood, but something in it cannot be used.
const (
	ErrSyntax         Error = "ERR syntax error"
	ErrNotInteger     Error = "ERR value is not an integer or out of range"
	ErrNotInt32       Error = "ERR value is out of range, value must between -2147483648 and 2147483647"
	ErrNotFloat       Error = "ERR value is not a valid float"
	ErrOutOfRange     Error = "ERR value is out of range"
	ErrMustBePositive Error = "ERR value is out of range, must be positive"
	ErrOffset         Error = "ERR offset is out of range"
	ErrStringTooLong  Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrOverflow       Error = "ERR increment or decrement would overflow"
	ErrNaN            Error = "ERR increment would produce NaN or Infinity"
	ErrDBIndex        Error = "ERR DB index is out of range"
	ErrInvalidCursor  Error = "ERR invalid cursor"
	ErrNumKeys        Error = "ERR numkeys should be greater than 0"
	ErrCount          Error = "ERR count should be greater than 0"
	ErrLimit          Error = "ERR LIMIT can't be negative"
	// ErrNoOpposite is the error of a number that may be negative for the least one, which has no positive counterpart.
	ErrNoOpposite Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"

	ErrTimeoutFloat    Error = "ERR timeout is not a float or out of range"
	ErrTimeoutInteger  Error = "ERR timeout is not an integer or out of range"
	ErrTimeoutNegative Error = "ERR timeout is negative"
	ErrTimeoutRange    Error = "ERR timeout is out of range"
)

// Errors of the keyspace: what the command needs is not there, or is something else.
const (
	ErrNoSuchKey  Error = "ERR no such key"
	ErrSameObject Error = "ERR source and destination objects are the same"
)

// Errors of the server's state: the command is refused whatever its arguments are.
const (
	ErrNoAuth     Error = "NOAUTH Authentication required."
	ErrOOM        Error = "OOM command not allowed when used memory > 'maxmemory'."
	ErrLoading    Error = "LOADING Redis is loading the dataset in memory"
	ErrExecAbort  Error = "EXECABORT Transaction discarded because of previous errors."
	ErrInternal   Error = "ERR internal error, the server's log has the details"
	ErrTooLong    Error = "ERR reply is too long"
	ErrNestMulti  Error = "ERR MULTI calls can not be nested"
	ErrWatchMulti Error = "ERR WATCH inside MULTI is not allowed"
	ErrNoMulti    Error = "ERR EXEC without MULTI"
	ErrNoMultiDis Error = "ERR DISCARD without MULTI"
)

// MaxElements is how many elements a reply that a command makes piece by piece may have: with six bytes each, the least, they are
// 4 GB, where the engine ends it with ErrTooLong (Ctx.Tick). To refuse more at once spares the way there.
const MaxElements = 4 << 30 / 6

// ErrQuiet is returned by a handler that has written its reply, an error line included, itself: the command counts as
// failed and nothing more is written.
var ErrQuiet = errors.New("command: the error reply is written already")

// ErrArity gives the error for a call of the command name (lower case, "parent|sub" for subcommands) with too few or too
// many arguments.
func ErrArity(name string) error {
	return Error("ERR wrong number of arguments for '" + name + "' command")
}
