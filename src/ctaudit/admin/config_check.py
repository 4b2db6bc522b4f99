"""config check: a configuration as the services read it, and all that is wrong with it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ctaudit.admin.config_effect import find_without_effect
from ctaudit.config import DEFAULT_PATH, Reading, read_config
from ctaudit.conntrack.filter import RuleSet
from ctaudit.conntrack.filter_notation import read_rules
from ctaudit.database.dsn import check_dsn
from ctaudit.errors import UsageError

_USERS = ("ctaudit-receiver", "ctaudit")  # of the services


@dataclass(frozen=True)
class Checked:
    """Sentences that name the file; ``warnings``: of keys that have no effect."""

    reading: Reading
    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def check_config(path: Path | None) -> Checked:
    """Reads nothing but the file. Raises UsageError where it cannot be read as TOML."""
    reading = read_config(path)
    errors = list(reading.faults)
    rules: RuleSet | None = None
    try:
        rules = read_rules(reading.config.filter)
    except UsageError as error:
        errors.append(f"{reading.file}: {error}")
    if reading.config.database.dsn:
        try:
            check_dsn(reading.config.database.dsn, "database.dsn")
        except UsageError as error:
            errors.append(f"{reading.file}: {error}")
    if errors:
        return Checked(reading, tuple(errors))
    found = [*find_without_effect(reading, rules), *find_excluded(reading.file)]
    return Checked(reading, (), tuple(f"{reading.file}: {said}" for said in found))


def find_excluded(file: Path, folder: Path = DEFAULT_PATH.parent) -> Iterator[str]:
    """The services that may not read the file, by its mode, where it is in their folder."""
    if file.parent.resolve() != folder.resolve():
        return
    with suppress(OSError):
        state = file.stat()
        for name in _USERS:
            with suppress(KeyError):
                user = pwd.getpwnam(name)
                if not state.st_mode & _find_bit(state, user):
                    mode = stat.S_IMODE(state.st_mode)
                    yield (
                        f"its mode {mode:04o} keeps the user {name} from reading it: "
                        f"chgrp ctaudit {file} && chmod 640 {file}"
                    )


def _find_bit(state: os.stat_result, user: pwd.struct_passwd) -> int:
    """By which the user may read a file; its groups are those of its passwd entry alone."""
    if state.st_uid == user.pw_uid:
        return stat.S_IRUSR
    return stat.S_IRGRP if state.st_gid == user.pw_gid else stat.S_IROTH
