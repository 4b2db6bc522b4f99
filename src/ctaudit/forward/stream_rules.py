"""The filter rules that hold where an output reads: its events are judged by them.

The stream says them in its start and resume notes. An output that begins behind these, or that
lost them, knows their digest alone, from the segment's header or the note that begins a dump.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctaudit.conntrack.filter import IN_KERNEL, IN_RECORDER, RuleSet, plain_rules
from ctaudit.spool.note import Note

Told = dict[str, Any]


def read_told(note: Note) -> Told | None:
    """The rules of a start or resume note; without those that the kernel evaluates."""
    told = note.detail.get("filter")
    if not isinstance(told, Mapping):
        return None
    kept = ("digest", "where") if told.get("where") == IN_KERNEL else ("digest", "where", "rules")
    return {name: told.get(name) for name in kept}


def says_rules(note: Note) -> bool:
    return note.name == "start" or (note.name == "resume" and "filter" in note.detail)


def is_held(held: Told | None, digest: str | None, where: str | None = None) -> bool:
    """Whether ``held`` are the rules with this digest; ``where`` None: wherever evaluated."""
    if held is None or digest is None:
        return held is None and digest is None
    return held.get("digest") == digest and where in (None, held.get("where"))


def assume_rules(
    digest: str | None, where: str | None, configured: RuleSet | None
) -> tuple[Told | None, bool]:
    """The rules to go on with, and whether they are surely those with this digest.

    The kernel's are not needed. Else they are those of the configuration, whatever its digest.
    """
    if digest is None:
        return None, True
    if where == IN_KERNEL:
        return {"digest": digest, "where": where}, True
    rules = None if configured is None else plain_rules(configured)
    is_known = configured is not None and configured.digest == digest
    return {"digest": digest, "where": IN_RECORDER, "rules": rules}, is_known
