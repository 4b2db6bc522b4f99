"""The wall clock: whether it was stepped, and how far it may be off.

A step shows as a change of CLOCK_REALTIME against CLOCK_BOOTTIME; the kernel's own estimate
comes from adjtimex(2), whose struct timex is in linux/timex.h. A sandboxed service may not call
it; ctaudit-clock.service does so twice an hour and saves the answer to a file.
"""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_STA_UNSYNC = 0x40
_TIME_ERROR = 5
# Slewing moves the clock by at most 500 ppm; what is more than this in a second is a step.
_STEP = 50_000_000

# Where ctaudit-clock.service saves the answer, and for how many seconds it is valid.
_SAVED = Path("/run/ctaudit/clock.json")
_VALID = 2 * 3600

Clock = Callable[[], int]


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True)
class Synchronisation:
    """The kernel's estimate of its clock; errors in microseconds."""

    synchronised: bool
    estimated_error: int
    maximum_error: int


def read_synchronisation(saved: Path = _SAVED) -> Synchronisation | None:
    """The kernel's answer, else the one saved by ctaudit-clock.service; None: neither is known."""
    return ask_kernel() or _read_saved(saved)


def ask_kernel() -> Synchronisation | None:
    """What adjtimex returns; None where this process may not call it."""
    asked = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    if state < 0:
        return None
    synchronised = state != _TIME_ERROR and not asked.status & _STA_UNSYNC
    return Synchronisation(synchronised, asked.esterror, asked.maxerror)


def save_synchronisation(answer: Synchronisation, file: Path) -> None:
    replace_file(file, json.dumps(asdict(answer)) + "\n")


def replace_file(file: Path, text: str) -> None:
    """Replaces ``file`` in one step, readable by every user."""
    draft = Path(f"{file}.new")
    draft.write_text(text)
    draft.chmod(0o644)
    draft.rename(file)


def _read_saved(file: Path) -> Synchronisation | None:
    try:
        if time.time() - file.stat().st_mtime > _VALID:
            return None
        answer = json.loads(file.read_text())
        return Synchronisation(
            bool(answer["synchronised"]),
            int(answer["estimated_error"]),
            int(answer["maximum_error"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class StepWatch:
    """Compares the two clocks each time it is asked.

    ``offset``: the wall clock minus the time since boot at the last look, nanoseconds.
    """

    def __init__(self, wall: Clock = time.time_ns, boot: Clock = _read_boot) -> None:
        self._wall = wall
        self._boot = boot
        self.offset = wall() - boot()

    def find_step(self) -> int:
        """Nanoseconds by which the wall clock was stepped since the last look; 0 if it was not."""
        offset = self._wall() - self._boot()
        step = offset - self.offset
        self.offset = offset
        return step if abs(step) >= _STEP else 0
