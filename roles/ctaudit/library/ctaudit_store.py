#!/usr/bin/python
"""The database ctaudit on this host and its schema."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_store
short_description: Make the database of ctaudit and bring its schema to the package's version
description:
  - The database is made in UTF8 with the C locale, and none but our roles may connect to it, as
    C(ctaudit setup --local) does it.
  - The schema comes from C(ctaudit schema install) of the package on this host. It runs when the
    schema is not the one that program expects, and when its SQL files are others than those of
    the last time, whose fingerprint is kept as the schema's comment.
options:
  front:
    description: Whether it is a front, which records nothing (C(ctaudit schema install --front)).
    type: bool
    default: false
  foreseen:
    description: In check mode, that the package is going to change.
    type: bool
    default: false
author: ctaudit
"""

EXAMPLES = r"""
- name: Database and schema
  ctaudit_store: {}
"""

RETURN = r"""
actions:
  description: What was done, a sentence each.
  type: list
  returned: always
"""

import hashlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_psql import (
    DATABASE,
    DSN,
    Refused,
    as_superuser,
    ask,
    is_installed,
    quote_text,
    run_sql,
)

_COMMAND = "/usr/bin/ctaudit"
_FILES = Path("/usr/share/ctaudit/sql")
# An older package's schema has only the first four.
_ROLES = (
    "ctaudit_owner", "ctaudit_recorder", "ctaudit_auditor", "ctaudit_maintainer", "ctaudit_front",
    "ctaudit_supervisor", "ctaudit_registrar",
)  # fmt: skip


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "front": {"type": "bool", "default": False},
            "foreseen": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        actions, before, after = _bring_about(module)
    except Refused as refused:
        module.fail_json(msg=f"database {DATABASE} on this host: {refused}")
    diff = {"before": before, "after": after, "before_header": DATABASE, "after_header": DATABASE}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


def _bring_about(module: AnsibleModule) -> tuple[list[str], str, str]:
    """(what was done, the state before, the state after)."""
    known = _is_there(module)
    actions = []
    if not known:
        actions.append(f"made database {DATABASE}")
        if not module.check_mode:
            run_sql(
                module,
                f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
            )
            run_sql(module, f"REVOKE CONNECT, TEMPORARY ON DATABASE {DATABASE} FROM PUBLIC")
    mark = _fingerprint()
    before = _read_mark(module) if known else ""
    if module.check_mode:
        due = not known or module.params["foreseen"] or not mark or _is_due(module, mark, before)
    else:
        due = _is_due(module, mark, before)
    if due:
        actions.append(_install(module, mark))
    # Also where an earlier run was broken off in between.
    if known and _keeps_ours_out(module):
        actions.append("let the roles of ctaudit connect")
    if not module.check_mode and (not known or _keeps_ours_out(module)):
        known_roles = ask(
            module, f"SELECT string_agg(rolname, ', ') FROM pg_roles WHERE {_is_ours()}"
        )
        run_sql(module, f"GRANT CONNECT ON DATABASE {DATABASE} TO {known_roles}")
    state = f"schema from {before or 'elsewhere'}\n" if known else "no database\n"
    wanted = f"schema from {mark or 'the package'}\n" if due else state
    return actions, state, wanted


def _is_ours() -> str:
    """A condition on pg_roles."""
    return f"rolname IN ({', '.join(map(quote_text, _ROLES))})"


def _keeps_ours_out(module: AnsibleModule) -> bool:
    refused = f"NOT has_database_privilege(oid, {quote_text(DATABASE)}, 'CONNECT')"
    statement = f"EXISTS (SELECT FROM pg_roles WHERE {_is_ours()} AND {refused})"
    return bool(ask(module, statement))


def _is_there(module: AnsibleModule) -> bool:
    statement = f"EXISTS (SELECT FROM pg_database WHERE datname = {quote_text(DATABASE)})"
    try:
        return is_installed() and bool(ask(module, statement))
    except Refused:
        if module.check_mode:
            return False
        raise


def _read_mark(module: AnsibleModule) -> str:
    statement = "obj_description(to_regnamespace('ctaudit'), 'pg_namespace')"
    return ask(module, statement, DATABASE) or ""


def _is_due(module: AnsibleModule, mark: str, before: str) -> bool:
    if mark != before:
        return True
    status, _, _ = as_superuser(module, [_COMMAND, "schema", "status", "--dsn", DSN])
    return status != 0


def _install(module: AnsibleModule, mark: str) -> str:
    if module.check_mode:
        return "installed the schema"
    words = [_COMMAND, "schema", "install", *(["--front"] if module.params["front"] else [])]
    status, said, complaint = as_superuser(module, [*words, "--dsn", DSN])
    if status:
        raise Refused(complaint.strip().removeprefix("ctaudit: "))
    run_sql(module, f"COMMENT ON SCHEMA ctaudit IS {quote_text(mark)}", DATABASE)
    return said.strip()


def _fingerprint() -> str:
    """Of the SQL files of the installed package; "" where it is not installed yet."""
    paths = sorted(path for path in _FILES.rglob("*") if path.is_file())
    if not paths:
        return ""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_FILES)}\0{len(content)}\0".encode())
        digest.update(content)
    return f"SQL files sha256:{digest.hexdigest()}"


if __name__ == "__main__":
    main()
