"""An assembler for classic BPF (linux/filter.h, linux/bpf_common.h).

Jumps name labels further down. A conditional jump reaches 255 instructions; one that must reach
further goes over an unconditional jump right behind it, which reaches all of a program.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
SCRATCH = 16  # BPF_MEMWORDS

LD_MEM, LDX_MEM, ST, TAX, RET = 0x60, 0x61, 0x02, 0x07, 0x06
LD_IMM, LDX_IMM = 0x00, 0x01
LD_ABS, LDB_ABS = 0x20, 0x30
LD_IND, LDH_IND, LDB_IND = 0x40, 0x48, 0x50
AND = 0x54
JA, JEQ, JGT, JGE, JEQ_X = 0x05, 0x15, 0x25, 0x35, 0x1D
# SKF_AD_OFF + SKF_AD_NLATTR, _NLATTR_NEST: A becomes the offset of the attribute of type X behind
# offset A, or inside the attribute at offset A; 0: there is none.
NLATTR, NLATTR_NEST = (-0x1000 + 12) & 0xFFFFFFFF, (-0x1000 + 16) & 0xFFFFFFFF

_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, jt, jf, k
_FARTHEST = 255


class ProgramTooLong(ValueError):
    """``count`` instructions are more than the kernel takes."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count:,} instructions, of {MOST_INSTRUCTIONS:,} at most")
        self.count = count


@dataclass(frozen=True)
class _Operation:
    """``yes``, ``no``: labels; None: the next operation."""

    code: int
    k: int
    yes: str | None = None
    no: str | None = None


class Assembler:
    def __init__(self) -> None:
        self._operations: list[_Operation] = []
        self._labels: dict[str, int] = {}
        self._made = 0

    def add(self, code: int, k: int = 0) -> None:
        self._operations.append(_Operation(code, k))

    def jump(self, code: int, k: int = 0, *, yes: str | None = None, no: str | None = None) -> None:
        self._operations.append(_Operation(code, k, yes, no))

    def goto(self, label: str) -> None:
        self._operations.append(_Operation(JA, 0, label))

    def make_label(self) -> str:
        """A name that no other label has."""
        self._made += 1
        return f"label {self._made}"

    def label(self, name: str) -> None:
        """The next operation's."""
        self._labels[name] = len(self._operations)

    def assemble(self) -> bytes:
        """The instructions. Raises ProgramTooLong."""
        far: set[tuple[int, bool]] = set()  # jumps, by operation and outcome, over a JA
        while True:
            places = self._place(far)
            more = {
                (number, outcome)
                for number, operation in enumerate(self._operations)
                if operation.code != JA
                for outcome in (True, False)
                if self._distance(number, outcome, places) > _FARTHEST
            } - far
            if not more:
                break
            far |= more
        if places[-1] > MOST_INSTRUCTIONS:
            raise ProgramTooLong(places[-1])
        return b"".join(
            self._encode(number, operation, places, far)
            for number, operation in enumerate(self._operations)
        )

    def _place(self, far: set[tuple[int, bool]]) -> list[int]:
        """The place of each operation's first instruction, and the end."""
        places = [0]
        for number in range(len(self._operations)):
            over = ((number, True) in far) + ((number, False) in far)
            places.append(places[-1] + 1 + over)
        return places

    def _target(self, number: int, outcome: bool) -> int:
        operation = self._operations[number]
        label = operation.yes if outcome else operation.no
        return number + 1 if label is None else self._labels[label]

    def _distance(self, number: int, outcome: bool, places: list[int]) -> int:
        """How many instructions are skipped."""
        return places[self._target(number, outcome)] - places[number] - 1

    def _encode(
        self, number: int, operation: _Operation, places: list[int], far: set[tuple[int, bool]]
    ) -> bytes:
        if operation.code == JA:
            return _INSTRUCTION.pack(JA, 0, 0, self._distance(number, True, places))
        if operation.yes is operation.no is None:
            return _INSTRUCTION.pack(operation.code, 0, 0, operation.k)
        skips, tail = [], b""
        for outcome in (True, False):
            distance = self._distance(number, outcome, places)
            if (number, outcome) in far:
                skips.append(len(tail) // _INSTRUCTION.size)
                behind = distance - len(tail) // _INSTRUCTION.size - 1
                tail += _INSTRUCTION.pack(JA, 0, 0, behind)
            else:
                skips.append(distance)
        return _INSTRUCTION.pack(operation.code, *skips, operation.k) + tail


def count_instructions(program: bytes) -> int:
    return len(program) // _INSTRUCTION.size
