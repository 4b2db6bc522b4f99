"""An import as text: its run, as a bar on a terminal, else as lines; and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TextIO

from ctaudit.admin.import_ulogd import Imported, Run
from ctaudit.query.value_text import format_count, format_duration

_WIDTH = 30
_BAR_PAUSE, _LINE_PAUSE = 0.2, 10.0  # seconds


class RunDisplay:
    """Writes to standard error: a bar in place on a terminal, elsewhere a line each ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._is_shown = False

    def show(self, run: Run) -> None:
        now = self._clock()
        if now - self._last < (_BAR_PAUSE if self._is_terminal else _LINE_PAUSE):
            return
        self._last = now
        line = format_run(run, now - self._began)
        if self._is_terminal:
            bar = format_bar(run.share)
            _write(f"\r{bar} {line}\x1b[K")
            self._is_shown = True
        else:
            _write(f"ctaudit: {line}\n")

    def end(self) -> None:
        """Leaves the line of the bar."""
        if self._is_shown:
            _write("\n")


def _write(text: str) -> None:
    """An import does not fail by what shows how far it is."""
    stream: TextIO | None = sys.stderr
    if stream is not None:
        with suppress(OSError):
            stream.write(text)
            stream.flush()


def format_bar(share: float) -> str:
    filled = round(_WIDTH * share)
    return f"[{'#' * filled}{'-' * (_WIDTH - filled)}]"


def format_run(run: Run, seconds: float) -> str:
    """``45 %, 1,234,567 rows in 2 min 3.000 s, 10,037 rows/s``: of this run."""
    duration = format_duration(timedelta(seconds=round(seconds)))
    rate = run.read / seconds if seconds else 0.0
    rows = format_count(run.read, "row")
    return f"{run.share * 100:.0f} %, {rows} in {duration}, {rate:,.0f} rows/s"


def format_imported(imported: Imported) -> Iterator[str]:
    run = imported.run
    yield (
        f"{imported.node}: {format_count(run.taken, 'row')} imported in this run, "
        f"{imported.read:,} read in all from the {imported.source}."
    )
    if run.ended:
        yield f"{format_count(run.ended, 'connection')} that had been open got an end."
    for reason, found in sorted(imported.refused.items()):
        rows = format_count(found["count"], "row")
        yield f"Not imported: {rows}: {reason}; one of them is number {found['example']}."
    if imported.overlooked:
        yield (
            f"Not imported: {format_count(imported.overlooked, 'row')} that were written with a "
            "number that had been passed; stop ulogd2, and import into another node."
        )
    yield (
        f"Questions name {imported.node} as imported from ulogd2; its record is not judged, and "
        "proves nothing to be complete."
    )
