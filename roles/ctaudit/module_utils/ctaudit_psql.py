"""PostgreSQL on this host, asked as its superuser through the local socket.

The modules run as root and step down to postgres by themselves: Ansible need not become an
unprivileged user, whose temporary files would have to be readable for it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DATABASE = "ctaudit"
DSN = "host=/var/run/postgresql dbname=ctaudit"
SUPERUSER = "postgres"
# All of the input is read before the command begins. Else one that ends at once, as psql does where
# it cannot connect, may have ended before Ansible writes: "Broken pipe", and nothing of why.
_FED = 'text=$(cat) && printf "%s\\n" "$text" | "$@"'
# What Debian's releases bring, for what is foreseen before it is installed.
_RELEASES = {"12": "15", "13": "17"}


class Refused(Exception):
    """The server cannot be asked, or refuses; the text is one sentence for a person."""


def is_installed() -> bool:
    return Path("/usr/bin/psql").exists()


def as_superuser(module: Any, argv: list[str], text: str = "") -> tuple[int, str, str]:
    """Runs a command as postgres; ``text`` is its standard input."""
    fed = ["sh", "-c", _FED, "sh"] if text else []
    words = ["runuser", "-u", SUPERUSER, "--", *fed, *argv]
    settings = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    done: tuple[int, str, str] = module.run_command(
        words, data=text, cwd="/", environ_update=settings
    )
    return done


def run_sql(module: Any, statement: str, database: str = "postgres") -> str:
    """What the statement prints. It goes over standard input, so that no process list shows it."""
    # Nor is there a user to step down to: runuser may have ended before Ansible writes.
    if not is_installed():
        raise Refused("PostgreSQL is not installed on this host")
    argv = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database]
    status, said, complaint = as_superuser(module, argv, statement)
    if status:
        raise Refused(_first_line(complaint))
    return said.strip()


def ask(module: Any, statement: str, database: str = "postgres") -> Any:
    """The value of a statement that gives one value, through JSON."""
    said = run_sql(module, f"SELECT to_json(({statement}))", database)
    return json.loads(said) if said else None


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def foreseen_directory() -> str:
    """Where the release's own PostgreSQL will have its configuration."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r'^VERSION_ID="?(\d+)', release, re.MULTILINE)
    version = _RELEASES.get(found[1] if found else "", "15")
    return f"/etc/postgresql/{version}/main"


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = next((line for line in lines if "ERROR:" in line or "FATAL:" in line), "")
    line = chosen or (lines[0] if lines else "it says nothing")
    return re.sub(r"^psql:(<stdin>:\d+:)? *(error: )?", "", line)
