"""check: the outputs of a gateway, and the service that writes them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.config import Config
from ctaudit.config.readers import format_size
from ctaudit.query.outputs import OutputLag, measure_outputs
from ctaudit.query.outputs_text import describe_output

_MOST_BEHIND = 60.0  # seconds
_DAY = 86400e9  # nanoseconds


def check_outputs(config: Config) -> Iterator[Finding]:
    if not config.output:
        return
    try:
        outputs = measure_outputs(config)
    except OSError as error:
        found = f"{config.spool.directory}: {error.strerror}"
        yield Finding("outputs", Level.WARNING, found, "readable", "run as root")
        return
    for output in outputs:
        yield judge_output(output, config.spool.keep_bytes, time.time_ns())


def judge_output(output: OutputLag, keep_bytes: int, now: int) -> Finding:
    """``now``: nanoseconds since 1970. A loss counts for a day."""
    state = output.state
    has_lost = state is not None and bool(state.lost.until) and now - state.lost.until < _DAY
    is_behind = output.seconds > _MOST_BEHIND
    has_fault = state is None or bool(state.fault)
    remedy = (
        f"let {output.to} take lines again; unread segments stay while committed ones take no more "
        f"than spool.keep_bytes = {format_size(keep_bytes)}"
    )
    if has_lost and not (is_behind or has_fault):
        remedy = "raise spool.keep_bytes, so that more stays for an output that is behind"
    return make_finding(
        f"output {output.name}",
        f"{output.to}: {describe_output(output)}",
        good=not (has_lost or is_behind or has_fault),
        wanted="each event within a minute, and none lost",
        remedy=remedy,
    )
