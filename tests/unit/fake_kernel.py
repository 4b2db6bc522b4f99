"""The kernel's settings and clashes without a kernel, and a spool that only remembers notes."""

from __future__ import annotations

from typing import Any

from ctaudit.conntrack.kernel_state import Reading, Settings

ON = Settings(events=1, acct=1, timestamp=1)


class FakeKernel:
    """A KernelState that the test changes."""

    def __init__(self) -> None:
        self.settings = ON
        self.clashes: int | None = 5
        self.udp_timeout = 120
        self.looks = 0

    def read(self) -> Reading:
        self.looks += 1
        return Reading(self.settings, self.clashes)

    def read_udp_timeout(self) -> int:
        return self.udp_timeout


class FakeSpool:
    """The parts of a SpoolWriter that write notes and the header."""

    def __init__(self) -> None:
        self.words = memoryview(bytearray(4096)).cast("Q")
        self.written: list[tuple[str, dict[str, Any]]] = []

    def append_note(self, name: str, **detail: object) -> None:
        self.written.append((name, detail))

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """The notes since the last call."""
        taken, self.written = self.written, []
        return taken
