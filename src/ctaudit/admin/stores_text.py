"""The stores of a front: as text for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from ctaudit.admin.stores import Store
from ctaudit.query.value_text import format_time, plain_value


def format_stores(stores: Sequence[Store]) -> Iterator[str]:
    if not stores:
        yield "This front asks no store yet; add one: ctaudit store add NAME --store DSN."
    for store in stores:
        yield f"{store.name} (number {store.store_id})"
        yield f"  reached    by {store.dsn}"
        yield f"  waited for {store.patience.total_seconds():g} s"
        yield f"  added      at {format_time(store.added_at, trim=True)}"
        if store.gone_at is not None:
            yield f"  gone       at {format_time(store.gone_at, trim=True)}, and not asked since"
        elif store.retired_at is not None:
            yield f"  retired    at {format_time(store.retired_at, trim=True)}, and asked still"


def plain_stores(stores: Sequence[Store]) -> dict[str, Any]:
    """The keys that ``store list --json`` promises: the columns by name; lengths in seconds."""
    return {
        "stores": [
            {
                name: value.total_seconds() if isinstance(value, timedelta) else plain_value(value)
                for name, value in asdict(store).items()
            }
            for store in stores
        ]
    }
