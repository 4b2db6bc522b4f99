"""The configuration: the keys of its TOML file, their types, bounds and defaults.

A section is a frozen dataclass; a field's metadata holds the reader that turns the TOML
value into the field's value, or raises what is allowed.
"""

from __future__ import annotations

import socket
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ctaudit.config_readers import (
    Refused,
    check_output_name,
    duration,
    format_size,
    key,
    one_of,
    read_destination,
    read_flag,
    read_networks,
    read_node,
    read_path,
    read_procedure,
    read_text,
    read_texts,
    size,
    whole,
)
from ctaudit.errors import UsageError

DEFAULT_PATH = Path("/etc/ctaudit/ctaudit.toml")
MODES = ("live", "nat", "history")

T = TypeVar("T")


@dataclass(frozen=True)
class SocketSection:
    receive_buffer: int = key(128 << 20, size("4KiB", "1GiB"))
    receive_buffer_max: int = key(512 << 20, size("4KiB", "1GiB"))
    updates: bool = key(False, read_flag)
    reliable: bool = key(False, read_flag)


@dataclass(frozen=True)
class DumpSection:
    interval: float = key(3600.0, duration("1s", "7d"))


@dataclass(frozen=True)
class DatabaseSection:
    """``enabled`` False: nothing is recorded, and the outputs decide what the spool keeps."""

    dsn: str = key("", read_text)
    live_copy: bool = key(False, read_flag)
    enabled: bool = key(True, read_flag)


@dataclass(frozen=True)
class BatchSection:
    events: int = key(2000, whole(1, 100_000))
    wait: float = key(0.2, duration("1ms", "60s"))


@dataclass(frozen=True)
class SpoolSection:
    directory: Path = key(Path("/var/lib/ctaudit/spool"), read_path)
    max_bytes: int = key(2 << 30, size("1MiB", "1024TiB"))
    segment_bytes: int = key(16 << 20, size("256KiB", "1GiB"))
    keep: float = key(600.0, duration("0s", "7d"))
    keep_bytes: int = key(256 << 20, size("0B", "1024TiB"))
    sync: float = key(0.0, duration("0s", "60s"))


@dataclass(frozen=True)
class JournalSection:
    events: str = key("all", one_of("all", "nat", "new", "none"))
    rate: int = key(10, whole(0, 100_000))
    burst: int = key(200, whole(0, 100_000))


@dataclass(frozen=True)
class ScopeSection:
    """Addresses and networks; None: learned from the gateway."""

    public: tuple[str, ...] | None = key(None, read_networks)
    internal: tuple[str, ...] | None = key(None, read_networks)


@dataclass(frozen=True)
class PrivacySection:
    """``remote`` False: the recorder stores no remote end."""

    remote: bool = key(True, read_flag)


@dataclass(frozen=True)
class CanarySection:
    interval: float | None = key(None, duration("1min", "1d"))


@dataclass(frozen=True)
class FilterSection:
    """As they are written; conntrack.filter_notation reads them."""

    rules: tuple[str, ...] = key((), read_texts)
    accept_src_filter: str = key("", read_text)
    accept_dst_filter: str = key("", read_text)
    accept_proto_filter: str = key("", read_text)


@dataclass(frozen=True)
class RetentionSection:
    days: int = key(365, whole(1, 36500))
    inquiries_days: int = key(730, whole(30, 36500))


@dataclass(frozen=True)
class OutputSection:
    """Another reader of the spool. ``to``: see config_readers.split_destination."""

    to: str = field(metadata={"reader": read_destination})
    form: str = key("json", one_of("json", "log"))
    events: str = key("all", one_of("all", "nat", "new", "destroy"))
    sync: bool = key(False, read_flag)


@dataclass(frozen=True)
class Config:
    """The file's values and the defaults; sizes in bytes, durations in seconds."""

    node: str = field(default_factory=socket.gethostname, metadata={"reader": read_node})
    mode: str = key("live", one_of(*MODES))
    pair: str = key("", read_node)
    procedure: str = key("", read_procedure)
    socket: SocketSection = field(default_factory=SocketSection)
    dumps: DumpSection = field(default_factory=DumpSection)
    database: DatabaseSection = field(default_factory=DatabaseSection)
    batch: BatchSection = field(default_factory=BatchSection)
    spool: SpoolSection = field(default_factory=SpoolSection)
    journal: JournalSection = field(default_factory=JournalSection)
    scope: ScopeSection = field(default_factory=ScopeSection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    canary: CanarySection = field(default_factory=CanarySection)
    filter: FilterSection = field(default_factory=FilterSection)
    retention: RetentionSection = field(default_factory=RetentionSection)
    output: Mapping[str, OutputSection] = field(
        default_factory=dict, metadata={"sections": OutputSection}
    )

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
    _check_outputs(config, str(chosen))
    return config


def _check_outputs(config: Config, file: str) -> None:
    if not config.database.enabled and not config.output:
        raise UsageError(
            f"{file}: database.enabled = false needs an [output.NAME]: nothing would be kept"
        )
    files = Counter(output.to for output in config.output.values() if output.to.startswith("/"))
    for path, count in files.items():
        if count > 1:
            raise UsageError(f"{file}: {count} outputs have to = {path!r}; give each a file")


def check_node(node: str, name: str) -> str:
    """Raises UsageError where no configuration can have it; ``name`` is what the error names."""
    try:
        return read_node(node)
    except Refused as refused:
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
        try:
            if is_dataclass(types[name]):
                values[name] = _read_table(types[name], value, file, here)
            elif "sections" in known[name].metadata:
                values[name] = _read_sections(known[name].metadata["sections"], value, file, here)
            else:
                values[name] = known[name].metadata["reader"](value)
        except Refused as refused:
            raise UsageError(f"{file}: {here} = {value!r}: {refused}") from None
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise UsageError(f"{file}: {path}{name}: is missing in [{path[:-1]}]")
    return section(**values)


def _read_table(section: type[T], value: Any, file: str, path: str) -> T:
    if not isinstance(value, dict):
        raise Refused(f"must be a section, [{path}]")
    return _read_section(section, value, file, f"{path}.")


def _read_sections(section: type[T], value: Any, file: str, path: str) -> dict[str, T]:
    """Sections of one kind, each with a name of its own: [output.NAME]."""
    if not isinstance(value, dict):
        raise Refused(f"must be sections, each with a name: [{path}.NAME]")
    found = {}
    for name, table in value.items():
        check_output_name(name)
        if not isinstance(table, dict):
            raise Refused(f"{name} must be a section, [{path}.{name}]")
        found[name] = _read_table(section, table, file, f"{path}.{name}")
    return found
