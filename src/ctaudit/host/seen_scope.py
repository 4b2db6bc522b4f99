"""The addresses that ctaudit-scope.service saw on this gateway, in a file for the receiver.

The receiver has neither the rights nor the libraries to look itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ctaudit.host.clock import replace_file

SAVED = Path("/run/ctaudit/scope.json")
_INSTANCES = "scope-*.json"
_NAMESPACE = Path("/proc/self/ns/net")
_VALID = 2 * 3600 * 10**9  # nanoseconds


@dataclass(frozen=True)
class SeenScope:
    """``public``, ``internal``: addresses and networks, None: not known.

    ``hidden``: networks whose connections conntrack may not see, each as {network, why}.
    ``seen_at``, ``since``: nanoseconds since 1970. Until ``since`` another scope was seen; None:
    none was.
    """

    public: Sequence[str] | None
    internal: Sequence[str] | None
    hidden: Sequence[dict[str, str]] = ()
    seen_at: int = 0
    since: int | None = None

    @property
    def content(self) -> tuple[Any, Any, Any]:
        return _list(self.public), _list(self.internal), _list(self.hidden)


def _list(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


UNKNOWN = SeenScope(None, None)


def save_scope(seen: SeenScope, file: Path) -> None:
    """Replaces ``file`` in one step; tells ``since`` from what was there."""
    before = _read(file)
    if before is not None:
        since = before.since if before.content == seen.content else before.seen_at
        seen = replace(seen, since=since)
    replace_file(file, json.dumps({"namespace": _read_namespace(), **asdict(seen)}) + "\n")


def read_scope(file: Path = SAVED) -> SeenScope:
    """What was seen last; UNKNOWN where nothing was seen in this network namespace.

    In ``file``, or in those beside it that the units of other gateways on this host save. What
    was seen more than two hours ago is not known any more: since then.
    """
    found = (_read(each) for each in (file, *file.parent.glob(_INSTANCES)))
    return _pick(each for each in found if each)


def read_scope_of(instance: str, folder: Path = SAVED.parent) -> SeenScope:
    """The same of one gateway that is an instance, in whatever network namespace that is."""
    seen = _read(folder / _INSTANCES.replace("*", instance), anywhere=True)
    return _pick([seen] if seen else [])


def _pick(found: Iterable[SeenScope]) -> SeenScope:
    seen = max(found, key=lambda each: each.seen_at, default=None)
    if seen is None:
        return UNKNOWN
    if not 0 <= time.time_ns() - seen.seen_at <= _VALID:
        return replace(UNKNOWN, since=seen.seen_at)
    return seen


def _read(file: Path, *, anywhere: bool = False) -> SeenScope | None:
    try:
        saved = json.loads(file.read_text())
        if saved.pop("namespace") != _read_namespace() and not anywhere:
            return None
        return SeenScope(**saved)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_namespace() -> int:
    return _NAMESPACE.stat().st_ino
