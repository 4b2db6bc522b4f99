"""check: what belongs on this host, a gateway's or the database's, and what is wrong with it."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ctaudit.admin.check_database import Site, check_database, check_database_host
from ctaudit.admin.check_host import check_host, find_holder
from ctaudit.admin.check_outputs import check_outputs
from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.units import (
    MAINTAIN_SERVICE,
    MAINTAIN_TIMER,
    States,
    Units,
    get_state,
    name_units,
    read_states,
)
from ctaudit.config import DEFAULT_PATH, Config
from ctaudit.database.dsn import find_remote_host, has_secret


def check(config: Config, path: Path | None, dsn: str) -> list[Finding]:
    """The findings; ``path``: of the configuration, as it was given."""
    units = name_units(path)
    maintaining = (MAINTAIN_TIMER, MAINTAIN_SERVICE)
    services = (units.receiver, units.recorder, units.forwarder)
    states = read_states((*services, units.scope, units.timer, *maintaining))
    elsewhere = find_remote_host(dsn)
    timer, last_run = (get_state(states, name) for name in maintaining)
    result = last_run.result if last_run else ""
    site = Site(config.spool.directory, elsewhere, timer, result, config.canary.interval)
    is_listening = find_holder(config.spool.directory, "receiver") is not None
    if not is_listening and elsewhere is None and is_database_host(units, states):
        others = [found for found in list_instances() if found != path]
        gateway = Finding("gateway", Level.GOOD, describe_absence(units, others))
        return [gateway, *check_database_host(dsn, site)]
    found = [*check_host(config, units, states), *check_outputs(config)]
    if not config.database.enabled:
        return found
    return [
        *found,
        *check_secret(config, path or DEFAULT_PATH),
        *check_database(dsn, config.record_procedure, config.node, site),
    ]


def is_database_host(units: Units, states: States) -> bool:
    """Whether neither service is wanted here, as docs/install.md has it on the database's host."""
    services = (get_state(states, units.receiver), get_state(states, units.recorder))
    return all(state is not None and state.is_off for state in services)


def list_instances(folder: Path = DEFAULT_PATH.parent) -> list[Path]:
    """The configurations of gateways that are instances on this host."""
    return sorted(path for path in folder.glob("*.toml") if path.name != DEFAULT_PATH.name)


def describe_absence(units: Units, instances: Sequence[Path]) -> str:
    said = f"{units.receiver} is disabled and nothing is received by it"
    if not instances:
        return f"none on this host: {said}"
    commands = ", ".join(f"ctaudit check --config {path}" for path in instances)
    return f"{said}; of this host's other gateways: {commands}"


def check_secret(config: Config, path: Path) -> Iterator[Finding]:
    """A finding where the configuration has a password; every user may read the packaged file."""
    if not has_secret(config.database.dsn):
        return
    with suppress(OSError):
        mode = path.stat().st_mode
        yield make_finding(
            "password",
            f"{path} has the database's password, mode {stat.S_IMODE(mode):04o}",
            good=not mode & stat.S_IROTH,
            wanted="a password that other users of this host cannot read",
            remedy="write it into a file of mode 0400 of the user ctaudit, as libpq's passfile has "
            f"it, and passfile= into database.dsn; or chgrp ctaudit {path} && chmod 640 {path}",
        )
