"""Reading a file: its values, and for each fault a sentence that names key, value and remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from ctaudit.config.key import Section
from ctaudit.config.readers import Refused, check_output_name, read_node
from ctaudit.config.table import Config
from ctaudit.config.together import find_conflicts
from ctaudit.errors import UsageError

DEFAULT_PATH = Path("/etc/ctaudit/ctaudit.toml")

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """What a file says. ``is_there`` False: there is none at the default path.

    ``given``: the paths of the keys in it. ``faults``: one sentence each; ``config`` has the
    default in place of what is wrong.
    """

    file: Path
    is_there: bool
    config: Config
    given: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()


@dataclass
class _Found:
    """What has been found so far; ``faults``: by the key's path."""

    given: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)

    def concerns(self, keys: tuple[str, ...]) -> bool:
        """Whether a fault is in one of the keys, or in a section of that name."""
        return any(f"{fault}.".startswith(f"{key}.") for fault in self.faults for key in keys)


def load_config(path: Path | None) -> Config:
    """Reads ``path``, else the default path; without a file there, every default.

    Raises UsageError: the first fault, with the file, the key's path, its value and what is
    allowed.
    """
    reading = read_config(path)
    if reading.faults:
        raise UsageError(reading.faults[0])
    return reading.config


def read_config(path: Path | None) -> Reading:
    """As load_config, with every fault. Raises UsageError where there is no TOML to be read."""
    chosen = path or DEFAULT_PATH
    try:
        text = chosen.read_bytes()
    except FileNotFoundError:
        if path is None:
            return Reading(chosen, False, Config())
        raise UsageError(f"{path}: no such configuration file") from None
    except PermissionError as error:
        said = f"{chosen}: cannot be read: {error.strerror}; run this as a user who may read it"
        raise UsageError(said) from None
    except OSError as error:
        raise UsageError(f"{chosen}: cannot be read: {error.strerror}") from None
    try:
        table = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{chosen}: not valid TOML: {error}") from None
    found = _Found()
    config = _read_section(Config, table, "", found) or Config()
    faults = [
        *found.faults.values(),
        *(said for keys, said in find_conflicts(config) if not found.concerns(keys)),
    ]
    return Reading(
        chosen, True, config, frozenset(found.given), tuple(f"{chosen}: {said}" for said in faults)
    )


def check_node(node: str, name: str) -> str:
    """Raises UsageError where no configuration can have it; ``name`` is what the error names."""
    try:
        return read_node(node)
    except Refused as refused:
        raise UsageError(f"{name} {node!r}: {refused}") from None


def _read_section(kind: type[T], table: Mapping[str, Any], path: str, found: _Found) -> T | None:
    """None: a key is missing or wrong that has no default."""
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in table.items():
        here = f"{path}{name}"
        if name not in known:
            where = f"in [{path[:-1]}]" if path else "at the top level"
            found.faults[here] = f"{here}: unknown key; allowed {where}: {', '.join(known)}"
            continue
        row = known[name].metadata.get("section")
        try:
            if row is None:
                found.given.add(here)
                values[name] = known[name].metadata["key"].form.read(value)
            else:
                values[name] = _read_table(row, value, here, found)
        except Refused as refused:
            found.faults[here] = f"{here} = {value!r}: {refused}"
    for name, item in known.items():
        if item.default is MISSING and item.default_factory is MISSING and name not in values:
            missing = f"{path}{name}: is missing in [{path[:-1]}]"
            found.faults.setdefault(f"{path}{name}", missing)
            return None
    return kind(**values)


def _read_table(row: Section, value: Any, path: str, found: _Found) -> Any:
    """A section, or a mapping of the names of such sections to them: [output.NAME]."""
    if not row.example:
        if not isinstance(value, dict):
            raise Refused(f"must be a section, [{path}]")
        return _read_section(row.kind, value, f"{path}.", found)
    if not isinstance(value, dict):
        raise Refused(f"must be sections, each with a name: [{path}.NAME]")
    sections: dict[str, Any] = {}
    for name, table in value.items():
        try:
            check_output_name(name)
            if not isinstance(table, dict):
                raise Refused(f"{name} must be a section, [{path}.{name}]")
        except Refused as refused:
            found.faults[f"{path}.{name}"] = f"{path} = {value!r}: {refused}"
            continue
        read = _read_section(row.kind, table, f"{path}.{name}.", found)
        if read is not None:
            sections[name] = read
    return sections
