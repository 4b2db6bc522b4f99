"""config show: each key of the configuration, its value here, and where that comes from."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from ctaudit.admin.units import name_units
from ctaudit.config import Config, Reading
from ctaudit.config.key import Key, list_all, list_values
from ctaudit.database.dsn import hide_secrets, parse_dsn, read_environment
from ctaudit.host.seen_scope import SeenScope, read_scope, read_scope_of

DEFAULT, FILE, LEARNED, ENVIRONMENT = "default", "file", "learned", "environment"


@dataclass(frozen=True)
class Shown:
    """``value``: as the file would have it; None: there is none.

    ``exact``: a size in bytes, a duration in seconds. ``note``: what else is to be said of it.
    """

    path: str
    key: Key
    value: Any
    origin: str = DEFAULT
    exact: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Here:
    """What the values depend on besides the file. ``now``: nanoseconds since 1970.

    ``unit``: what saves the gateway's ``scope``.
    """

    scope: SeenScope
    unit: str
    environment: Mapping[str, str]
    now: int


def look_here(path: Path | None) -> Here:
    """Of the gateway with this configuration, as it was given."""
    unit = name_units(path).scope
    instance = unit.removesuffix(".service").partition("@")[2]
    scope = read_scope_of(instance) if instance else read_scope()
    return Here(scope, unit, os.environ, time.time_ns())


def list_shown(reading: Reading, here: Here) -> Iterator[Shown]:
    """Each key, in the file's order. Raises UsageError.

    Where no output is configured, those that one would have stand for it, without a value.
    """
    config = reading.config
    for path, key, value in list_values(config):
        shown = _show(path, key, value, is_given=path in reading.given)
        if path == "database.dsn":
            shown = show_dsn(shown, config.database.dsn, here.environment)
        elif path == "procedure" and not config.procedure:
            shown = replace(shown, value=config.record_procedure)
        elif path.startswith("scope.") and value is None:
            shown = show_learned(shown, getattr(here.scope, path.removeprefix("scope.")), here)
        yield shown
    if not config.output:
        for path, key in list_all(Config):
            if path.startswith("output."):
                yield Shown(path, key, None, note="none is configured" if key.is_required else "")


def _show(path: str, key: Key, value: Any, *, is_given: bool) -> Shown:
    is_empty = value is None or (key.without != "" and value == "")
    exact = value if key.form.unit and not is_empty else None
    written = None if is_empty else key.form.write(value)
    return Shown(path, key, written, FILE if is_given else DEFAULT, exact)


def show_dsn(shown: Shown, dsn: str, environment: Mapping[str, str]) -> Shown:
    """What libpq adds from the environment of this command, which is not that of a service."""
    own, taken = hide_secrets(dsn), parse_dsn(dsn)
    variables = {
        variable: pair
        for variable, pair in read_environment(environment).items()
        if pair[0] not in taken
    }
    if dsn:
        notes = ["its secret is hidden"] if own != dsn else []
        if variables:
            notes.append(f"what it leaves out is taken from {', '.join(variables)}")
        return replace(shown, value=own, note="; ".join(notes))
    if not variables:
        return shown
    note = f"{', '.join(variables)}; a service has an environment of its own"
    value = make_conninfo(**dict(variables.values()))
    return replace(shown, value=value, origin=ENVIRONMENT, note=note)


def show_learned(shown: Shown, networks: Sequence[str] | None, here: Here) -> Shown:
    """``networks`` None: they are not known."""
    if networks is not None:
        minutes = max(0, here.now - here.scope.seen_at) // 60_000_000_000
        note = f"seen {minutes} min ago"
        return replace(shown, value=list(networks), origin=LEARNED, note=note)
    why = (
        f"what is seen here does not tell: journalctl -u {here.unit} says why"
        if here.scope.seen_at
        else f"nothing was seen in the last two hours: systemctl start {here.unit}"
    )
    return replace(shown, origin=LEARNED, note=f"not known, since {why}")
