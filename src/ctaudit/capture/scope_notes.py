"""Notes on the scope: the addresses of this gateway, as configured or as they were seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctaudit.config import ScopeSection
from ctaudit.host.seen_scope import SeenScope, read_scope
from ctaudit.spool.writer import SpoolWriter

_EVERY = 30.0  # seconds between two looks at what was seen


class ScopeNotes:
    """Notes the scope where a stream begins or goes on, and each change of it."""

    def __init__(
        self,
        spool: SpoolWriter,
        configured: ScopeSection,
        read: Callable[[], SeenScope] = read_scope,
    ) -> None:
        self._spool = spool
        self._configured = configured
        self._read = read
        self._noted: dict[str, Any] = {}
        self._next = 0.0

    def begin(self) -> None:
        """What a predecessor noted is not known; the store passes over an equal scope."""
        self._noted = {}
        self._note()

    def tick(self, now: float) -> None:
        """``now``: seconds of a clock without steps."""
        if now >= self._next:
            self._next = now + _EVERY
            self._note()

    def _note(self) -> None:
        seen = self._read()
        scope = combine(self._configured, seen)
        if scope != self._noted:
            self._spool.append_note("scope", **scope, since=seen.since)
            self._noted = scope


def combine(configured: ScopeSection, seen: SeenScope) -> dict[str, Any]:
    """Each list as configured, else as seen."""
    own = configured.public, configured.internal
    public, internal = (
        list(first) if first is not None else second
        for first, second in zip(own, (seen.public, seen.internal), strict=True)
    )
    if own != (None, None):
        source = "configured"
    else:
        source = "unknown" if public is None and internal is None else "learned"
    return {
        "public": public, "internal": internal, "hidden": list(seen.hidden), "source": source,
    }  # fmt: skip
