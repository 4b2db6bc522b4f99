"""The schema's status, an installation and the store's upkeep as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ctaudit.database.schema import Done, Maintained, SchemaStatus


def format_schema(status: SchemaStatus) -> str:
    """One sentence: the installed version and its partitions, or what to do about it."""
    sentence = f"The database has {status.version.describe()}"
    if status.version.mismatch is not None:
        pending = ", ".join(status.pending) if status.version.installed is not None else ""
        return sentence + (f" (pending: {pending})." if pending else ".")
    until = status.partitions_until
    return sentence + (
        f", and partitions until {until}."
        if until
        else ", but no partitions; run: ctaudit maintain."
    )


def format_installed(done: Done) -> str:
    applied = ", ".join(done.migrations) or "no migration"
    return (
        f"The schema is version {done.version}: applied {applied}, "
        f"made {len(done.partitions)} partitions."
    )


def format_maintained(done: Iterable[Maintained]) -> Iterator[str]:
    """A line for each thing done, or one that there was nothing to do."""
    nothing = True
    for item in done:
        nothing = False
        yield f"{item.action} {item.object}" + ("" if item.rows is None else f", {item.rows} rows")
    if nothing:
        yield "nothing to do"
