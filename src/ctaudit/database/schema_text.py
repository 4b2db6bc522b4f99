"""The schema's status and an installation as text."""

from __future__ import annotations

from ctaudit.database.schema import SchemaStatus
from ctaudit.database.steps import Done


def format_schema(status: SchemaStatus) -> str:
    """One sentence: the installed version and its partitions, or what to do about it."""
    sentence = f"The database has {status.version.describe()}"
    if status.version.mismatch is not None:
        pending = ", ".join(status.pending) if status.version.installed is not None else ""
        return sentence + (f" (pending: {pending})." if pending else ".")
    if status.is_front:
        return f"{sentence}; it is a front, which records nothing."
    until = status.partitions_until
    return sentence + (
        f", and partitions until {until}."
        if until
        else ", but no partitions; run: ctaudit maintain."
    )


def format_installed(done: Done) -> list[str]:
    """Lines, with what is left to the database's owner: another program may need the database."""
    applied = ", ".join(done.migrations) or "no migration"
    sentence = (
        f"The schema is version {done.version}: applied {applied}, "
        f"made {len(done.partitions)} partitions."
    )
    if done.is_front:
        sentence = (
            f"The front is version {done.version}; name the stores that it asks: "
            "ctaudit store add NAME --store DSN."
        )
    if not done.to_close:
        return [sentence]
    public = (
        "Each login of the server may connect to this database; if nothing else is in it, run as "
        f"its owner: {'; '.join(done.to_close)};"
    )
    return [sentence, public]
