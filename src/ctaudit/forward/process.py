"""The process of all outputs: a thread each, so that none waits for another's disk or collector."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from ctaudit.config import Config
from ctaudit.errors import UsageError
from ctaudit.forward.output import Output, make_sink
from ctaudit.host.systemd import Watchdog, notify
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.output_state import forget_others

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.2  # seconds between two looks at a segment that has nothing new
_LONGEST_STOP = 5.0  # seconds that an output goes on delivering after a signal


def run(config: Config, stop: Sequence[int]) -> int:
    """Forwards until ``stop`` holds something.

    Raises UsageError (no output is configured), PrivilegeError, DiskError.
    """
    if not config.output:
        raise UsageError("no output is configured: add an [output.NAME], or stop this service")
    directory = config.spool.directory
    with spool_lock(directory, "forwarder"):
        for name in forget_others(directory, set(config.output)):
            log.warning("output %s is not configured any more: its place is forgotten", name)
        workers = [
            _Worker(Output(config, name, make_sink(section)))
            for name, section in config.output.items()
        ]
        with _on_hang_up(workers), _working(workers):
            names = ", ".join(config.output)
            notify("READY=1", f"STATUS=forwarding to {names}")
            log.info("forwarding from %s to %s", directory, names)
            _watch(workers, stop)
            notify("STOPPING=1")
    return 0


def _watch(workers: Sequence[_Worker], stop: Sequence[int]) -> None:
    """Waits; raises what a worker did not foresee."""
    watchdog = Watchdog()
    while not stop:
        watchdog.feed()
        for worker in workers:
            if worker.error is not None:
                raise worker.error
        time.sleep(_LOOK_EVERY)


class _Worker(threading.Thread):
    def __init__(self, output: Output) -> None:
        super().__init__(daemon=True)
        self.output = output
        self.ending = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            work(self.output, self.ending.is_set)
        except Exception as error:  # noqa: BLE001 the main thread raises it
            self.error = error


@contextlib.contextmanager
def _working(workers: Sequence[_Worker]) -> Iterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.ending.set()
        for worker in workers:
            worker.join(2 * _LONGEST_STOP)


@contextlib.contextmanager
def _on_hang_up(workers: Sequence[_Worker]) -> Iterator[None]:
    """Within it SIGHUP, which follows a rotation, lets the outputs look at their files at once."""

    def reopen(_number: int, _frame: FrameType | None) -> None:
        for worker in workers:
            worker.output.must_reopen = True

    earlier = signal.signal(signal.SIGHUP, reopen)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, earlier)


def work(output: Output, stopping: Callable[[], bool]) -> None:
    """Turns the output until told to stop, and then until all is delivered, for some seconds."""
    with contextlib.closing(output):
        while not stopping():
            if not output.turn():
                time.sleep(_LOOK_EVERY)
        deadline = time.monotonic() + _LONGEST_STOP
        while time.monotonic() < deadline:
            moved = output.turn(stop=True)
            if not moved and output.is_settled:
                break
            if not moved:
                time.sleep(_LOOK_EVERY)
