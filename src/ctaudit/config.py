"""The one TOML file: its keys, their types and defaults, and errors that name the key.

A section is a frozen dataclass; a field's metadata holds the reader that turns the TOML
value into the field's value or says what is allowed.
"""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ctaudit.errors import UsageError

DEFAULT_PATH = Path("/etc/ctaudit/ctaudit.toml")
MODES = ("live", "nat", "history")

_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

Reader = Callable[[Any], Any]
T = TypeVar("T")


class _Refused(ValueError):
    """Why a value is not allowed, without the key's path."""


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Refused("must be a non-empty string")
    return value


def _read_node(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        raise _Refused("must be 1 to 63 letters, digits, '.', '_' or '-', as a host's name is")
    return value


def _read_procedure(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", value):
        raise _Refused('must be a procedure\'s name with its schema, such as "ctaudit.record_live"')
    return value


def _read_path(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise _Refused("must be an absolute path")
    return Path(value)


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Refused("must be true or false")
    return value


def _one_of(*allowed: str) -> Reader:
    def read(value: Any) -> str:
        if value not in allowed:
            raise _Refused("must be one of " + ", ".join(f'"{item}"' for item in allowed))
        return str(value)

    return read


def _whole(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _Refused(f"must be a whole number from {least} to {most}")
        return value

    return read


def _size(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        found = (
            re.fullmatch(r"(\d+)\s*(|B|KiB|MiB|GiB|TiB)", value) if isinstance(value, str) else None
        )
        size = int(found[1]) * _UNITS[found[2]] if found else -1
        if not least <= size <= most:
            raise _Refused(
                f'must be a size from "{format_size(least)}" to "{format_size(most)}", '
                'such as "64MiB" or "2GiB"'
            )
        return size

    return read


def _duration(least: float, most: float) -> Reader:
    def read(value: Any) -> float:
        found = re.fullmatch(r"(\d+)\s*(ms|s|min|h|d)", value) if isinstance(value, str) else None
        seconds = int(found[1]) * _SECONDS[found[2]] if found else -1.0
        if not least <= seconds <= most:
            raise _Refused(
                f"must be a duration from {least:g} to {most:g} seconds, "
                'such as "200ms", "30s", "10min" or "1h"'
            )
        return seconds

    return read


def format_size(size: int) -> str:
    """``67108864`` -> ``64MiB``: the largest unit that divides it."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return f"{size}B"


def _key(default: Any, reader: Reader) -> Any:
    return field(default=default, metadata={"reader": reader})


@dataclass(frozen=True)
class SocketSection:
    receive_buffer: int = _key(128 << 20, _size(4 << 10, 1 << 30))
    receive_buffer_max: int = _key(512 << 20, _size(4 << 10, 1 << 30))
    updates: bool = _key(False, _read_flag)
    reliable: bool = _key(False, _read_flag)


@dataclass(frozen=True)
class DumpSection:
    interval: float = _key(3600.0, _duration(1, 7 * 86400))


@dataclass(frozen=True)
class DatabaseSection:
    dsn: str = _key("", _read_text)


@dataclass(frozen=True)
class BatchSection:
    events: int = _key(2000, _whole(1, 100_000))
    wait: float = _key(0.2, _duration(0.001, 60))


@dataclass(frozen=True)
class SpoolSection:
    directory: Path = _key(Path("/var/lib/ctaudit/spool"), _read_path)
    max_bytes: int = _key(2 << 30, _size(1 << 20, 1 << 50))
    segment_bytes: int = _key(16 << 20, _size(256 << 10, 1 << 30))
    keep: float = _key(600.0, _duration(0, 7 * 86400))
    keep_bytes: int = _key(256 << 20, _size(0, 1 << 50))
    sync: float = _key(0.0, _duration(0, 60))


@dataclass(frozen=True)
class JournalSection:
    rate: int = _key(50, _whole(0, 100_000))


@dataclass(frozen=True)
class RetentionSection:
    days: int = _key(365, _whole(1, 36500))


@dataclass(frozen=True)
class Config:
    """What the file says, defaults filled in; sizes in bytes, durations in seconds."""

    node: str = field(default_factory=socket.gethostname, metadata={"reader": _read_node})
    mode: str = _key("live", _one_of(*MODES))
    procedure: str = _key("", _read_procedure)
    socket: SocketSection = field(default_factory=SocketSection)
    dumps: DumpSection = field(default_factory=DumpSection)
    database: DatabaseSection = field(default_factory=DatabaseSection)
    batch: BatchSection = field(default_factory=BatchSection)
    spool: SpoolSection = field(default_factory=SpoolSection)
    journal: JournalSection = field(default_factory=JournalSection)
    retention: RetentionSection = field(default_factory=RetentionSection)

    @property
    def record_procedure(self) -> str:
        """The procedure that takes each batch: the site's own, or the mode's."""
        return self.procedure or f"ctaudit.record_{self.mode}"


def load_config(path: Path | None) -> Config:
    """Reads ``path``, or the default path where that exists, or takes the defaults.

    Raises UsageError that names the file, the key's path, its value and what is allowed.
    """
    chosen = path or DEFAULT_PATH
    try:
        text = chosen.read_bytes()
    except FileNotFoundError:
        if path is None:
            return Config()
        raise UsageError(f"{path}: no such configuration file") from None
    except OSError as error:
        raise UsageError(f"{chosen}: cannot be read: {error.strerror}") from None
    try:
        table = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{chosen}: not valid TOML: {error}") from None
    config = _read_section(Config, table, str(chosen), "")
    _refuse_below(chosen, config.socket, "socket", "receive_buffer_max", "receive_buffer")
    if config.spool.max_bytes < 3 * config.spool.segment_bytes:
        raise UsageError(
            f"{chosen}: spool.max_bytes = {format_size(config.spool.max_bytes)} must hold at least "
            f"3 segments of spool.segment_bytes = {format_size(config.spool.segment_bytes)}"
        )
    return config


def _refuse_below(file: Path, section: Any, path: str, name: str, least: str) -> None:
    value, bound = getattr(section, name), getattr(section, least)
    if value < bound:
        raise UsageError(
            f"{file}: {path}.{name} = {format_size(value)} "
            f"is below {path}.{least} = {format_size(bound)}"
        )


def _read_section(section: type[T], table: Mapping[str, Any], file: str, path: str) -> T:
    known = {item.name: item for item in fields(section)}  # type: ignore[arg-type]
    types = get_type_hints(section)
    values: dict[str, Any] = {}
    for name, value in table.items():
        here = f"{path}{name}"
        if name not in known:
            where = f"in [{path[:-1]}]" if path else "at the top"
            raise UsageError(f"{file}: {here}: unknown key; known {where}: {', '.join(known)}")
        if is_dataclass(types[name]):
            if not isinstance(value, dict):
                raise UsageError(f"{file}: {here} = {value!r}: must be a section, [{here}]")
            values[name] = _read_section(types[name], value, file, f"{here}.")
            continue
        try:
            values[name] = known[name].metadata["reader"](value)
        except _Refused as refused:
            raise UsageError(f"{file}: {here} = {value!r}: {refused}") from None
    return section(**values)
