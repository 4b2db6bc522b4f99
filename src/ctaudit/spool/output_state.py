"""How far each output has read the spool: one file an output, ``NAME.output``, in the spool itself.

``ctaudit forward`` replaces it as a whole. Retention, status and check read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from ctaudit.spool.segment import Segment

_SUFFIX = ".output"


@dataclass(frozen=True)
class Place:
    """Where an output reads on: at ``position`` of ``stream``, in the segment ``sequence``.

    ``sequence`` 0: nothing has been read. ``has_ended``: that segment is complete and read.
    ``received``: when the last frame read was received, nanoseconds since 1970. ``filter``: the
    stream's filter rules there, as forward.stream_rules keeps them; None: it has none.
    """

    stream: UUID = UUID(int=0)
    sequence: int = 0
    position: int = 0
    has_ended: bool = False
    received: int = 0
    filter: dict[str, Any] | None = None


@dataclass(frozen=True)
class FileMark:
    """The output's file when the state was written: every line up to ``size`` is on the disk."""

    inode: int
    size: int


@dataclass(frozen=True)
class Lost:
    """What was deleted before the output had read it; ``until``: nanoseconds since 1970, 0: none.

    ``bytes`` counts those of streams whose length is known.
    """

    segments: int = 0
    bytes: int = 0
    until: int = 0


@dataclass(frozen=True)
class OutputState:
    """``lines``: written so far. ``fault``: why nothing can be written, since ``fault_since``."""

    name: str
    place: Place = Place()
    mark: FileMark | None = None
    lost: Lost = Lost()
    lines: int = 0
    fault: str = ""
    fault_since: int = 0


def has_read(state: OutputState, segment: Segment) -> bool:
    """Whether the output needs nothing more of a sealed segment."""
    place = state.place
    if segment.sequence != place.sequence:
        return segment.sequence < place.sequence
    is_same = segment.stream == place.stream
    return is_same and (place.has_ended or place.position >= segment.base + segment.end)


def write_state(directory: Path, state: OutputState) -> None:
    """On the disk when it returns. Raises OSError, and then leaves the former one."""
    values = {**asdict(state), "place": {**asdict(state.place), "stream": str(state.place.stream)}}
    path = directory / f"{state.name}{_SUFFIX}"
    draft = path.with_suffix(f"{_SUFFIX}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o660)
            file.write(json.dumps(values, indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_state(directory: Path, name: str) -> OutputState | None:
    """None: there is none, or it cannot be read as one. Raises OSError."""
    try:
        values = json.loads((directory / f"{name}{_SUFFIX}").read_bytes())
        mark = values["mark"]
        if not isinstance(values["place"].get("filter"), dict | None):
            return None
        return OutputState(
            **{
                **_known(OutputState, values),
                "name": name,
                "place": Place(
                    **{**_known(Place, values["place"]), "stream": UUID(values["place"]["stream"])}
                ),
                "mark": None if mark is None else FileMark(**_known(FileMark, mark)),
                "lost": Lost(**_known(Lost, values["lost"])),
            }
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _known(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Without what a newer version has added."""
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def list_states(directory: Path) -> Iterator[OutputState]:
    """In the order of their names. Raises OSError."""
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        state = read_state(directory, path.name.removesuffix(_SUFFIX))
        if state is not None:
            yield state


def forget_others(directory: Path, names: set[str]) -> list[str]:
    """Deletes the state of each output that is not among ``names``; returns theirs."""
    others = [path for path in directory.glob(f"*{_SUFFIX}") if path.stem not in names]
    for path in others:
        path.unlink(missing_ok=True)
    return sorted(path.stem for path in others)
