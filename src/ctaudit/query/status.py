"""status: for each node and stream what is recorded, until when, and which gaps are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from ctaudit.database.connection import asking
from ctaudit.query.lookup import select_rows

_OPEN_GAPS = sql.SQL("ctaudit.gaps(p_from => pg_catalog.now())")


@dataclass(frozen=True)
class Stream:
    """A row of ctaudit.status().

    received = stored + filtered + undecodable; dropped (by the receiver) and kernel_drops come
    in addition.
    """

    node: str
    stream: UUID
    mode: str
    started_at: datetime
    stopped_at: datetime | None
    committed_at: datetime
    position: int
    covered_from: datetime | None
    covered_until: datetime
    lag: timedelta | None
    received: int
    stored: int
    filtered: int
    undecodable: int
    dropped: int
    kernel_drops: int
    gaps: int
    open_gaps: int
    detail: dict[str, Any]
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Gap:
    """A row of ctaudit.gaps(). ``gap_until`` None: until the next dump.

    ``lost`` None: unknown; ``proto`` None: of all protocols.
    """

    node: str
    stream: UUID
    gap_from: datetime
    gap_until: datetime | None
    cause: str
    lost: int | None
    hides_openings: bool
    hides_ends: bool
    proto: int | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A row of ctaudit.pairs(): the pair that a gateway declares, and whether that one agrees."""

    node: str
    pair: str
    is_known: bool
    is_mutual: bool


@dataclass(frozen=True)
class Status:
    """All streams, the latest of each node first, the gaps that are not over, and the pairs."""

    streams: tuple[Stream, ...]
    open_gaps: tuple[Gap, ...]
    pairs: tuple[Pair, ...] = ()


def ask_status(connection: psycopg.Connection[Any]) -> Status:
    with asking(connection):
        streams = select_rows(connection, Stream, sql.SQL("ctaudit.status()"), {})
        gaps = select_rows(connection, Gap, _OPEN_GAPS, {})
        pairs = select_rows(connection, Pair, sql.SQL("ctaudit.pairs()"), {})
    return Status(tuple(streams), tuple(gaps), tuple(pairs))
