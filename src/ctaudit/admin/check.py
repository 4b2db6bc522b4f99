"""check: what belongs on this host, a gateway's or the database's, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from ctaudit.admin.check_database import Site, check_database, check_database_host
from ctaudit.admin.check_host import check_host, find_holder
from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.units import MAINTAIN_TIMER, States, Units, get_state, name_units, read_states
from ctaudit.config import Config
from ctaudit.database.dsn import find_remote_host


def check(config: Config, path: Path | None, dsn: str) -> list[Finding]:
    """The findings; ``path``: of the configuration, as it was given."""
    units = name_units(path)
    states = read_states((units.receiver, units.recorder, units.scope, units.timer, MAINTAIN_TIMER))
    elsewhere = find_remote_host(dsn)
    site = Site(config.spool.directory, elsewhere, get_state(states, MAINTAIN_TIMER))
    is_listening = find_holder(config.spool.directory, "receiver") is not None
    if not is_listening and elsewhere is None and is_database_host(units, states):
        said = f"none on this host: {units.receiver} is disabled and nothing is received here"
        return [Finding("gateway", Level.GOOD, said), *check_database_host(dsn, site)]
    return [
        *check_host(config, units, states),
        *check_database(dsn, config.record_procedure, config.node, site),
    ]


def is_database_host(units: Units, states: States) -> bool:
    """Whether neither service is wanted here, as docs/install.md has it on the database's host."""
    services = (get_state(states, units.receiver), get_state(states, units.recorder))
    return all(state is not None and state.is_off for state in services)
