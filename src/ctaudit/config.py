"""The configuration: the keys of its TOML file, their types, bounds and defaults.

A section is a frozen dataclass; a field's metadata holds the reader that turns the TOML
value into the field's value, or raises what is allowed.
"""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ctaudit.errors import UsageError

DEFAULT_PATH = Path("/etc/ctaudit/ctaudit.toml")
MODES = ("live", "nat", "history")

_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_MOST_NETWORKS = 256  # the receiver's note of them must fit into the rest of a segment
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

Reader = Callable[[Any], Any]
T = TypeVar("T")


class _Refused(ValueError):
    """What is allowed, without the key's path."""


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Refused("must be a non-empty string")
    return value


def _read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Refused('must be a list of texts, such as ["deny proto udp reply_sport 53"]')
    return tuple(value)


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


def _read_networks(value: Any) -> tuple[str, ...]:
    refused = _Refused(
        f"must be a list of at most {_MOST_NETWORKS} addresses and networks, such as "
        '["1.2.3.0/28", "2001:db8::/48"]'
    )
    if not isinstance(value, list) or len(value) > _MOST_NETWORKS:
        raise refused
    return tuple(_read_network(item, refused) for item in value)


def _read_network(value: Any, refused: _Refused) -> str:
    if not isinstance(value, str):
        raise refused
    try:
        interface = ip_interface(value)
    except ValueError:
        raise _Refused(f"{value!r} is not an address or a network; the value {refused}") from None
    if interface.ip != interface.network.network_address:
        raise _Refused(
            f"{value!r} has bits beyond its netmask; write the network as "
            f'"{interface.network}", or the address as "{interface.ip}"'
        )
    return str(interface.network)


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


def _quantity(
    units: Mapping[str, float], noun: str, examples: str, least: str, most: str
) -> Reader:
    """A whole number with one of ``units``, from ``least`` to ``most``, in the unit of value 1."""

    def parse(text: str) -> float:
        found = re.fullmatch(r"([0-9]+)\s*([A-Za-z]*)", text)
        return int(found[1]) * units[found[2]] if found and found[2] in units else -1

    bottom, top = parse(least), parse(most)

    def read(value: Any) -> float:
        amount = parse(value) if isinstance(value, str) else -1
        if not bottom <= amount <= top:
            raise _Refused(f'must be a {noun} from "{least}" to "{most}", such as {examples}')
        return amount

    return read


_size = partial(_quantity, _BYTES, "size", '"64MiB" or "2GiB"')
_duration = partial(_quantity, _SECONDS, "duration", '"200ms", "30s", "10min" or "1h"')


def format_size(size: int) -> str:
    """``67108864`` -> ``64MiB``: the largest unit that divides it."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def _key(default: Any, reader: Reader) -> Any:
    return field(default=default, metadata={"reader": reader})


@dataclass(frozen=True)
class SocketSection:
    receive_buffer: int = _key(128 << 20, _size("4KiB", "1GiB"))
    receive_buffer_max: int = _key(512 << 20, _size("4KiB", "1GiB"))
    updates: bool = _key(False, _read_flag)
    reliable: bool = _key(False, _read_flag)


@dataclass(frozen=True)
class DumpSection:
    interval: float = _key(3600.0, _duration("1s", "7d"))


@dataclass(frozen=True)
class DatabaseSection:
    dsn: str = _key("", _read_text)
    live_copy: bool = _key(False, _read_flag)


@dataclass(frozen=True)
class BatchSection:
    events: int = _key(2000, _whole(1, 100_000))
    wait: float = _key(0.2, _duration("1ms", "60s"))


@dataclass(frozen=True)
class SpoolSection:
    directory: Path = _key(Path("/var/lib/ctaudit/spool"), _read_path)
    max_bytes: int = _key(2 << 30, _size("1MiB", "1024TiB"))
    segment_bytes: int = _key(16 << 20, _size("256KiB", "1GiB"))
    keep: float = _key(600.0, _duration("0s", "7d"))
    keep_bytes: int = _key(256 << 20, _size("0B", "1024TiB"))
    sync: float = _key(0.0, _duration("0s", "60s"))


@dataclass(frozen=True)
class JournalSection:
    rate: int = _key(10, _whole(0, 100_000))
    burst: int = _key(200, _whole(0, 100_000))


@dataclass(frozen=True)
class ScopeSection:
    """Addresses and networks; None: learned from the gateway."""

    public: tuple[str, ...] | None = _key(None, _read_networks)
    internal: tuple[str, ...] | None = _key(None, _read_networks)


@dataclass(frozen=True)
class PrivacySection:
    """``remote`` False: the recorder stores no remote end."""

    remote: bool = _key(True, _read_flag)


@dataclass(frozen=True)
class FilterSection:
    """As they are written; conntrack.filter_notation reads them."""

    rules: tuple[str, ...] = _key((), _read_texts)
    accept_src_filter: str = _key("", _read_text)
    accept_dst_filter: str = _key("", _read_text)
    accept_proto_filter: str = _key("", _read_text)


@dataclass(frozen=True)
class RetentionSection:
    days: int = _key(365, _whole(1, 36500))
    inquiries_days: int = _key(730, _whole(30, 36500))


@dataclass(frozen=True)
class Config:
    """The file's values and the defaults; sizes in bytes, durations in seconds."""

    node: str = field(default_factory=socket.gethostname, metadata={"reader": _read_node})
    mode: str = _key("live", _one_of(*MODES))
    pair: str = _key("", _read_node)
    procedure: str = _key("", _read_procedure)
    socket: SocketSection = field(default_factory=SocketSection)
    dumps: DumpSection = field(default_factory=DumpSection)
    database: DatabaseSection = field(default_factory=DatabaseSection)
    batch: BatchSection = field(default_factory=BatchSection)
    spool: SpoolSection = field(default_factory=SpoolSection)
    journal: JournalSection = field(default_factory=JournalSection)
    scope: ScopeSection = field(default_factory=ScopeSection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    filter: FilterSection = field(default_factory=FilterSection)
    retention: RetentionSection = field(default_factory=RetentionSection)

    @property
    def record_procedure(self) -> str:
        """The procedure that is called with each batch: the site's own, or the mode's."""
        return self.procedure or f"ctaudit.record_{self.mode}"


def load_config(path: Path | None) -> Config:
    """Reads ``path``, else the default path; without a file there, every default.

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
    if config.pair == config.node:
        raise UsageError(
            f'{chosen}: pair = "{config.pair}" is this gateway\'s own name; name the other one'
        )
    if config.socket.receive_buffer_max < config.socket.receive_buffer:
        raise UsageError(
            f"{chosen}: socket.receive_buffer_max = {format_size(config.socket.receive_buffer_max)}"
            f" must be at least socket.receive_buffer = {format_size(config.socket.receive_buffer)}"
        )
    if not config.privacy.remote and not config.scope.internal:
        raise UsageError(
            f"{chosen}: privacy.remote = false needs scope.internal, the networks behind the "
            "gateway: which end of a connection is remote is not known otherwise"
        )
    if config.spool.max_bytes < 3 * config.spool.segment_bytes:
        raise UsageError(
            f"{chosen}: spool.max_bytes = {format_size(config.spool.max_bytes)} must hold at least "
            f"3 segments of spool.segment_bytes = {format_size(config.spool.segment_bytes)}"
        )
    return config


def check_node(node: str, name: str) -> str:
    """Raises UsageError where no configuration can have it; ``name`` is what the error names."""
    try:
        return _read_node(node)
    except _Refused as refused:
        raise UsageError(f"{name} {node!r}: {refused}") from None


def _read_section(section: type[T], table: Mapping[str, Any], file: str, path: str) -> T:
    known = {item.name: item for item in fields(section)}  # type: ignore[arg-type]
    types = get_type_hints(section)
    values: dict[str, Any] = {}
    for name, value in table.items():
        here = f"{path}{name}"
        if name not in known:
            where = f"in [{path[:-1]}]" if path else "at the top level"
            raise UsageError(f"{file}: {here}: unknown key; allowed {where}: {', '.join(known)}")
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
