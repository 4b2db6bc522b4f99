"""Segments with known frames in them, for the tests of who reads and writes them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from ctaudit.spool.frame import HEAD_SIZE, pack_head
from ctaudit.spool.segment import Segment, create_segment

STREAM = UUID("7a1c0f3e-0000-4000-8000-00000000c7a0")
NODE = "gw1"
CAPACITY = 1 << 18


def make_segment(
    directory: Path,
    sequence: int = 1,
    *,
    base: int = 0,
    stream: UUID = STREAM,
    node: str = NODE,
    bodies: tuple[bytes, ...] = (),
    sealed: bool = False,
    capacity: int = CAPACITY,
) -> Segment:
    """A segment with one published frame a body; its end is where a next frame would begin."""
    segment = create_segment(directory, sequence, stream, base, capacity, node)
    at = 0
    for body in bodies:
        frame = pack_head(body, base + at, 1000, 2000) + body
        segment.memory[4096 + at : 4096 + at + len(frame)] = frame
        at += len(frame)
    segment.publish(at)
    if sealed:
        segment.seal()
    return segment


def size_of(*bodies: bytes) -> int:
    """Bytes that frames with these bodies take."""
    return sum(HEAD_SIZE + len(body) for body in bodies)


def die_after(action: Callable[[], object]) -> None:
    """Runs ``action`` in a process that then is killed, with nothing tidied up."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            sys.stderr.write("the child was not killed\n")
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def run_apart(action: Callable[[], object]) -> None:
    """Runs ``action`` in a process of its own; it fails where the action raises."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 the parent reports it
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
