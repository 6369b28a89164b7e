// SPDX-License-Identifier: BSD-3-Clause

package lua

// The instruction set.
//
// An instruction is 64 bits:
//
//	63            32 31     24 23     16 15      8 7       0
//	+---------------+---------+---------+---------+---------+
//	|       D       |    C    |    B    |    A    |   op    |
//	+---------------+---------+---------+---------+---------+
//	                |        BC         |
//
// A, B and C are unsigned bytes, BC is B and C as one number of 16 bits (B the low byte), D is a signed number of 32 bits. A register
// always fits a byte (maxStack), so that a machine whose window has 256 values needs no check of its bounds. Where a constant and a
// jump stand in one instruction, the constant is in BC.
//
// Notation: R(x) is register x of the frame, K(x) the function's constant x, U(x) its upvalue x. A jump's D counts from the
// instruction behind the jump: 0 goes on. Only opLoop, opForLoop and opTForLoop go backwards; with calls they are the only places
// where a program that does not end must pass.
//
// An operand count of "n+1" is 0 when the count is open: from the given register up to the frame's top, which the last open
// opCall or opVararg has set.
type op uint8

const (
	opMove      op = iota // R(A) := R(B)
	opLoadK               // R(A) := K(D)
	opLoadInt             // R(A) := the number D
	opNil                 // R(A), …, R(B) := nil
	opFalse               // R(A) := false
	opTrue                // R(A) := true
	opFalseSkip           // R(A) := false, and the next instruction is skipped (it is an opTrue)

	// A local variable that a closure captures and somebody assigns after its declaration lives in a cell, which its register
	// holds, and the closure's upvalue; the compiler knows which. Others that are captured never change: the closure has a copy.
	// So nothing is to be closed when a variable's block ends.
	opCell      // R(A) := a new cell that holds R(A)
	opGetCell   // R(A) := what the cell R(B) holds
	opSetCell   // the cell R(A) holds R(B)
	opGetUpval  // R(A) := U(B), which is no cell
	opGetUpcell // R(A) := what the cell U(B) holds
	opSetUpcell // the cell U(B) holds R(A)

	opGetGlobal // R(A) := the environment's field K(D), a string
	opSetGlobal // the environment's field K(D) := R(A)

	opGetTable // R(A) := R(B)[R(C)]
	opGetField // R(A) := R(B)[K(D)], a string
	opGetInt   // R(A) := R(B)[D], D a number
	opSetTable // R(A)[R(B)] := R(C)
	opSetField // R(A)[K(D)] := R(C), K(D) a string
	opSetInt   // R(A)[D] := R(C), D a number
	opSelf     // R(A+1) := R(B); R(A) := R(B)[K(D)], a string

	opNewTable // R(A) := a table with room for D elements in its array and BC keys
	opSetList  // R(A)[D+i] := R(A+i) for 1 <= i <= n; B is n+1

	// Arithmetic on registers. In the forms with K the constant is a number, D its index; opAddRK and so on have it on the right
	// (R(A) := R(B) + K(D)), opAddKR and so on have it on the left (R(A) := K(D) + R(B)). The order of the operators is the same
	// in each of the three groups.
	opAdd // R(A) := R(B) + R(C)
	opSub
	opMul
	opDiv
	opMod
	opPow
	opAddRK // R(A) := R(B) + K(D)
	opSubRK
	opMulRK
	opDivRK
	opModRK
	opPowRK
	opAddKR // R(A) := K(D) + R(B)
	opSubKR
	opMulKR
	opDivKR
	opModKR
	opPowKR

	opUnm    // R(A) := -R(B)
	opNot    // R(A) := not R(B)
	opLen    // R(A) := #R(B)
	opConcat // R(A) := R(B) .. … .. R(C), B < C

	opJump     // go on at D
	opLoop     // the same, backwards
	opIf       // if R(A) is true, go on at D
	opIfNot    // if R(A) is false or nil, go on at D
	opIfSet    // if R(B) is true, R(A) := R(B) and go on at D
	opIfNotSet // if R(B) is false or nil, R(A) := R(B) and go on at D

	// Comparisons: each is followed by the one that jumps when the comparison does not hold (which for < and <= is not the
	// opposite comparison: think of NaN). K(BC) is nil, a boolean, a number or a string for opEqK, a number for the others.
	opEq  // if R(A) == R(B), go on at D
	opNe  // if not
	opLt  // if R(A) < R(B), go on at D
	opNlt // if not
	opLe  // if R(A) <= R(B), go on at D
	opNle // if not
	opEqK // if R(A) == K(BC), go on at D
	opNeK // if not
	opLtK // if R(A) < K(BC), go on at D
	opNltK
	opLeK // if R(A) <= K(BC), go on at D
	opNleK
	opGtK // if K(BC) < R(A), go on at D
	opNgtK
	opGeK // if K(BC) <= R(A), go on at D
	opNgeK

	// Calls: the function is in R(A), its arguments are in R(A+1), …; B is their number + 1. The results come to R(A), …; C is
	// how many are wanted + 1.
	opCall
	opTailCall // return R(A)(…); what it gives is all returned
	opReturn   // return R(A), …; B is their number + 1
	opReturn0  // return nothing
	opReturn1  // return R(A)

	// The numeric for: R(A) is the counter and, unless the body assigns or captures it, the variable itself (else the body begins with
	// an opMove); R(A+1) is the limit, R(A+2) the step. Lua 5.1 subtracts the step first and adds it before each round, the
	// first included, which rounding makes visible.
	opForPrep // check and convert the three; R(A) := (R(A) - R(A+2)) + R(A+2); if that is past the limit, go on at D
	opForLoop // R(A) += R(A+2); if that is not past the limit, go on at D

	// The generic for: R(A) is the iterator, R(A+1) the state, R(A+2) the control variable, from R(A+3) on there are C variables.
	// An opTForLoop with the same A follows each opTForCall.
	opTForCall // R(A+3), …, R(A+2+C) := R(A)(R(A+1), R(A+2))
	opTForLoop // if R(A+3) is not nil, R(A+2) := R(A+3) and go on at D

	opClosure  // R(A) := a closure of the nested function D; then its upvalues are copied as the list in the Proto says, perhaps from R(A) itself
	opVararg   // R(A), … := the extra arguments; B is how many are wanted + 1
	opArgTable // R(A) := a table of the extra arguments, and their number as n: the `arg` of a function that does not use `...`

	numOps
)

// An instr is one instruction. See op.
type instr uint64

// instrABC packs an instruction whose operands are A, B and C.
func instrABC(o op, a, b, c int) instr {
	return instr(o) | instr(uint8(a))<<8 | instr(uint8(b))<<16 | instr(uint8(c))<<24
}

// instrABD packs an instruction whose operands are A, B and D.
func instrABD(o op, a, b, d int) instr {
	return instr(o) | instr(uint8(a))<<8 | instr(uint8(b))<<16 | instr(uint32(int32(d)))<<32
}

// instrACD packs an instruction whose operands are A, C and D.
func instrACD(o op, a, c, d int) instr {
	return instr(o) | instr(uint8(a))<<8 | instr(uint8(c))<<24 | instr(uint32(int32(d)))<<32
}

// instrAKD packs an instruction whose operands are A, BC and D.
func instrAKD(o op, a, bc, d int) instr {
	return instr(o) | instr(uint8(a))<<8 | instr(uint16(bc))<<16 | instr(uint32(int32(d)))<<32
}

func (i instr) op() op     { return op(i) }
func (i instr) a() uint8   { return uint8(i >> 8) }
func (i instr) b() uint8   { return uint8(i >> 16) }
func (i instr) c() uint8   { return uint8(i >> 24) }
func (i instr) bc() uint16 { return uint16(i >> 16) }
func (i instr) d() int32   { return int32(i >> 32) }

// withD returns the instruction with another D: a jump whose target became known. The others are like it.
func (i instr) withD(d int) instr { return i&0xffffffff | instr(uint32(int32(d)))<<32 }
func (i instr) withC(c int) instr { return i&^0xff000000 | instr(uint8(c))<<24 }
func (i instr) withOp(o op) instr { return i&^0xff | instr(o) }
