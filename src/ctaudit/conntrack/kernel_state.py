"""The settings of connection tracking and its count of clashes, cheap enough to read all the time.

Both belong to the network namespace in which the files were opened. Documentation/networking/
nf_conntrack-sysctl.rst; nf_conntrack_standalone.c, ct_cpu_seq_show.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from ctaudit.conntrack.netlink import SYSCTLS, read_sysctl
from ctaudit.conntrack.statistics import CLASHES, STATISTICS, sum_column

# Bytes of one read: of a number, and of the statistics, of which the kernel gives a page at most.
_NUMBER, _PAGE = 16, 1 << 13
_UDP_TIMEOUTS = ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream")


class Settings(NamedTuple):
    """Values of nf_conntrack_events, _acct and _timestamp; None: unknown."""

    events: int | None = None
    acct: int | None = None
    timestamp: int | None = None


class Reading(NamedTuple):
    """What the kernel shows; ``clashes``: see statistics.count_clashes."""

    settings: Settings
    clashes: int | None

    def else_from(self, other: Reading) -> Reading:
        """With the values of ``other`` where this has none."""
        settings = zip(self.settings, other.settings, strict=True)
        return Reading(
            Settings(*(old if new is None else new for new, old in settings)),
            other.clashes if self.clashes is None else self.clashes,
        )


class KernelState:
    """Reads through descriptors that stay open: a twentieth of the time of opening each file."""

    def __init__(self, sysctls: Path = SYSCTLS, statistics: Path = STATISTICS) -> None:
        self._settings = [_KeptFile(sysctls / f"nf_conntrack_{name}") for name in Settings._fields]
        self._statistics = _KeptFile(statistics)

    def read(self) -> Reading:
        settings = Settings(*(_to_number(file.read(_NUMBER)) for file in self._settings))
        shown = self._statistics.read_whole()
        return Reading(settings, sum_column(shown, CLASHES) if shown else None)

    def read_udp_timeout(self) -> int:
        """Seconds after which an entry of a UDP connection without packets is gone."""
        return max(read_sysctl(name) or 0 for name in _UDP_TIMEOUTS)

    def close(self) -> None:
        for file in (*self._settings, self._statistics):
            file.close()


class _KeptFile:
    """A file of /proc; opened again after an error, as after the module was loaded again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def read(self, size: int) -> bytes:
        """Its first ``size`` bytes; none if it cannot be read."""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._descriptor, size, 0)
        except OSError:
            self.close()
            return b""

    def read_whole(self) -> bytes:
        """All of it: one read returns a page of the rows at most."""
        content = part = self.read(_PAGE)
        while part:
            try:
                part = os.pread(self._descriptor, _PAGE, len(content))
            except OSError:
                self.close()
                return b""
            content += part
        return content

    def close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1


def _to_number(content: bytes) -> int | None:
    try:
        return int(content)
    except ValueError:
        return None
