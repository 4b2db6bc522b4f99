"""A load: connections by the thousand, opened at a bounded rate and ended all the while.

Each gives one NEW and one DESTROY, so 10,000 connections a second are 20,000 events.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lab.namespaces import ROOT, Lab, popen_in
from lab.witness import delete_all

RATE = 10_000
FLUSH_EVERY = 0.5


class Load:
    """A burst under way. ``wait`` ends it and then the last of its connections."""

    def __init__(self, lab: Lab, process: subprocess.Popen[str], indexes: range) -> None:
        self.lab = lab
        self.indexes = indexes
        self._process = process

    @property
    def is_sending(self) -> bool:
        return self._process.poll() is None

    def join(self) -> None:
        """Waits until all of them are open."""
        said, failed = self._process.communicate(timeout=600)
        assert self._process.returncode == 0, failed
        assert f'"count": {len(self.indexes)}' in said

    def wait(self) -> None:
        """Waits until all of them have been opened and ended."""
        if not self._process.stdout or not self._process.stdout.closed:
            self.join()
        delete_all(self.lab)


@contextmanager
def loading(
    lab: Lab, count: int, *, rate: float | None = RATE, first: int = 0, ends: bool = True
) -> Iterator[Load]:
    """``count`` connections, opened and, with ``ends``, ended in the background."""
    argv = [sys.executable, "-m", "lab.traffic", "burst", "--count", str(count)]
    argv += ["--first", str(first)] + (["--rate", str(rate)] if rate else [])
    done = threading.Event()

    def end_some() -> None:
        while not done.wait(FLUSH_EVERY):
            delete_all(lab)

    ender = threading.Thread(target=end_some)
    with popen_in(
        lab.client, argv, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if ends:
            ender.start()
        try:
            yield Load(lab, process, range(first, first + count))
        finally:
            process.kill()
            done.set()
            if ends:
                ender.join()
