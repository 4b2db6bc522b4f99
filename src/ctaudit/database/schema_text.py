"""Sentences on the store itself: its schema, its upkeep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ctaudit.database.schema import Done, Maintained, SchemaStatus


def format_schema(standing: SchemaStatus) -> str:
    """One sentence: installed and expected version, and what to do where they differ."""
    if standing.version is None:
        return (
            f"No ctaudit schema is installed; this program expects version {standing.expected}: "
            "run ctaudit schema install."
        )
    if standing.version < standing.expected:
        return (
            f"The schema is version {standing.version}, this program expects "
            f"{standing.expected}: run ctaudit schema upgrade ({', '.join(standing.pending)})."
        )
    if standing.version > standing.expected:
        return (
            f"The schema is version {standing.version}, this program expects "
            f"{standing.expected}: upgrade ctaudit."
        )
    until = standing.partitions_until
    ahead = f"has partitions up to {until}" if until else "has no partitions: run ctaudit maintain"
    return f"The schema is version {standing.version}, as this program expects, and {ahead}."


def format_installed(done: Done) -> str:
    applied = ", ".join(done.migrations) or "no migration"
    return (
        f"The schema is version {done.version}: applied {applied}, "
        f"made {len(done.partitions)} partitions."
    )


def format_maintained(done: Iterable[Maintained]) -> Iterator[str]:
    """A line for each thing done; one line where nothing was to do."""
    nothing = True
    for item in done:
        nothing = False
        yield f"{item.action} {item.object}" + ("" if item.rows is None else f", {item.rows} rows")
    if nothing:
        yield "nothing to do"
