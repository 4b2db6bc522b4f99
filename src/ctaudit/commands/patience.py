"""A service whose start fails waits in its own process: docs/decisions/0034.

By hand there is no service manager, and the first error ends the command.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from ctaudit.errors import CtauditError
from ctaudit.host.systemd import Watchdog, is_service, notify, stop_signals

log = logging.getLogger(__name__)

_FIRST_DELAY = 1.0  # seconds
_LONGEST_DELAY = 60.0
_SLICE = 0.5  # seconds until a signal is noticed, at most

Work = Callable[[Sequence[int]], int]


def next_delay(delay: float, lasted: float) -> float:
    """Seconds until the next try; ``delay``: before the last one, 0: it was the first.

    ``lasted``: seconds that the last try worked; one that worked for long was no failed start.
    """
    if not delay or lasted >= _LONGEST_DELAY:
        return _FIRST_DELAY
    return min(2 * delay, _LONGEST_DELAY)


def is_worth_waiting(error: Exception, lasted: float) -> bool:
    """False: what was not foreseen happened in a process that had worked; a new one is cleaner."""
    return isinstance(error, CtauditError) or lasted < _LONGEST_DELAY


def describe_failure(error: Exception) -> str:
    """One line for the journal and for systemctl status."""
    text = " ".join(str(error).split())
    if isinstance(error, CtauditError):
        return text
    kind = type(error).__name__
    if isinstance(error, ImportError):
        return (
            f"a part of the program cannot be loaded ({kind}: {text}): "
            "install ctaudit and what it depends on again"
        )
    return f"an error that was not foreseen ({kind}: {text}); please report it"


def run_service(work: Work) -> int:
    """Runs ``work`` until it returns; under systemd again after an error, at growing intervals.

    ``work`` returns when the list that it is given, of signals received, is no longer empty.
    """
    with stop_signals() as stop:
        if not is_service():
            return work(stop)
        delay, said = 0.0, ""
        while not stop:
            began = time.monotonic()
            try:
                return work(stop)
            except Exception as error:
                lasted = time.monotonic() - began
                if not is_worth_waiting(error, lasted):
                    raise
                delay = next_delay(delay, lasted)
                sentence = describe_failure(error)
                is_new = sentence != said and not isinstance(error, (CtauditError, ImportError))
                said = sentence
                log.error("%s; trying again in %.0f s", sentence, delay, exc_info=is_new)
                notify("READY=1", f"STATUS=not at work: {sentence}; trying again in {delay:.0f} s")
                _wait(delay, stop)
    return 0


def wait_for_nothing(sentence: str, stop: Sequence[int]) -> int:
    """Says why there is nothing to do; under systemd returns once ``stop`` holds something."""
    log.info("%s", sentence)
    if is_service():
        notify("READY=1", f"STATUS={sentence}")
        while not stop:
            _wait(_LONGEST_DELAY, stop)
    return 0


def _wait(seconds: float, stop: Sequence[int]) -> None:
    watchdog, until = Watchdog(), time.monotonic() + seconds
    while not stop and (left := until - time.monotonic()) > 0:
        watchdog.feed()
        time.sleep(min(left, _SLICE))


def wait_before_restart() -> None:
    """For a wrong call, which no new try corrects: the unit's text does, and a restart."""
    if is_service():
        with stop_signals() as stop:
            notify("READY=1", "STATUS=not at work: started with wrong options")
            _wait(_LONGEST_DELAY, stop)
