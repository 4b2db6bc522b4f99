"""Jumps of any distance lead where they should, in the kernel itself."""

from __future__ import annotations

import pytest

from ctaudit.conntrack import bpf
from ctaudit.conntrack.bpf import Assembler, ProgramTooLong, count_instructions
from tests.unit.filter_rules import kernel_filter


@pytest.mark.parametrize("between", [0, 1, 253, 254, 255, 256, 257, 1000])
@pytest.mark.parametrize("far", ["yes", "no", "both"])
def test_a_jump(between: int, far: str) -> None:
    """Messages that begin with 7 pass, others do not."""
    code = Assembler()
    code.add(bpf.LDB_ABS, 0)
    yes, no = ("pass" if far != "no" else None), ("drop" if far != "yes" else None)
    code.jump(bpf.JEQ, 7, yes=yes, no=no)
    if far != "both":
        code.goto("drop" if far == "yes" else "pass")
    for _ in range(between):
        code.add(bpf.LD_IMM, 1)
    code.label("drop")
    code.add(bpf.RET, 0)
    for _ in range(between):
        code.add(bpf.LD_IMM, 1)
    code.label("pass")
    code.add(bpf.RET, 0xFFFFFFFF)
    with kernel_filter() as kernel:
        kernel.attach(code.assemble())
        assert [kernel.passes(bytes([first, 0])) for first in (6, 7, 8)] == [False, True, False]


def test_a_program_that_is_too_long() -> None:
    code = Assembler()
    for _ in range(4095):
        code.add(bpf.LD_IMM, 1)
    code.add(bpf.RET, 0)
    assert count_instructions(code.assemble()) == 4096
    code.add(bpf.RET, 0)
    with pytest.raises(ProgramTooLong) as caught:
        code.assemble()
    assert caught.value.count == 4097
