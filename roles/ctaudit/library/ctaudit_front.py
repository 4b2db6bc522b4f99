#!/usr/bin/python
"""The stores that the front on this host asks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_front
short_description: Tell a front which stores it asks
description:
  - Through C(ctaudit store) of the package on this host. A store that the front asks and that is
    not among those given stays, with a warning, since nothing that was recorded is left out
    silently. Each store is then asked whether it answers. One that the front has been told of just
    now, and that does not, is a failure; another one a warning, since it may be off for a while.
options:
  stores:
    description: The stores.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name in answers.
        type: str
        required: true
      host:
        description: Its host in the inventory, which means nothing here.
        type: str
      address:
        description: The name by which the front reaches it, which its certificate bears.
        type: str
        required: true
      patience:
        description: Seconds that a question waits for it.
        type: int
        default: 5
      state:
        description: V(retired) is asked though no gateway records there; V(gone) is not asked.
        type: str
        choices: [present, retired, gone]
        default: present
  connection:
    description: What the connection strings have in common, without a password.
    type: dict
    required: true
  foreseen:
    description: In check mode, that the package is going to change.
    type: bool
    default: false
author: ctaudit
"""

EXAMPLES = r"""
- name: The stores
  ctaudit_front:
    stores:
      - {name: a, address: db-a.example.net}
    connection: {dbname: ctaudit, user: ctaudit-front}
"""

RETURN = r"""
actions:
  description: What was done, a few words each.
  type: list
  returned: always
"""

import json
import re
import shlex

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_psql import (
    DATABASE,
    DSN,
    Refused,
    as_superuser,
    is_installed,
    run_sql,
)

_COMMAND = "/usr/bin/ctaudit"
# In one transaction, for which the front remembers who did not answer. No inquiry.
_ASK_ALL = """BEGIN;
DO $all$
BEGIN
    PERFORM FROM ctaudit.ask_stores('[{"name": "knows", "each": [{"p_nodes": "{}"}]}]');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    -- There is no store to ask.
    PERFORM ctaudit.make_kept();
END
$all$;
SELECT coalesce(json_agg(m), '[]') FROM ctaudit.missing_stores('infinity') AS m;
COMMIT;"""
# What libpq and the store's server say, and what the site can do.
_REMEDIES = {
    "could not translate host name": "correct {variable}.address, which is {address}",
    "does not match host name": "{variable}.address must be a name in the certificate of {host}",
    "certificate verify failed": "ctaudit_database_ca must have signed the certificate of {host}",
    "pg_hba.conf": "ctaudit_front_addresses must hold the address that {host} sees",
    "schema version": "run the role for {host} and for the front",
}
_REMEDY = (
    "look at PostgreSQL on {host} and at the way there, or correct {variable}.address, which is "
    "{address}"
)
_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)")
_STORE = {
    "name": {"type": "str", "required": True},
    "host": {"type": "str"},
    "address": {"type": "str", "required": True},
    "patience": {"type": "int", "default": 5},
    "state": {"type": "str", "choices": ["present", "retired", "gone"], "default": "present"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stores": {"type": "list", "elements": "dict", "required": True, "options": _STORE},
            "connection": {"type": "dict", "required": True},
            "foreseen": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = {store["name"]: store for store in module.params["stores"]}
    try:
        known = _list_known(module)
        steps = [
            step
            for store in module.params["stores"]
            for step in _steps(store, known.get(store["name"]), module.params["connection"])
        ]
        if not module.check_mode:
            for _, words in steps:
                _run(module, words)
            told = {words[1] for _, words in steps if words[0] == "add"}
            for name, why in _list_silent(module):
                sentence = f"{why}; {_find_remedy(why, given[name])}" if name in given else why
                if name in told:
                    raise Refused(sentence)
                module.warn(f"the front on this host: {sentence}")
    except Refused as refused:
        module.fail_json(msg=f"the front on this host: {refused}")
    for name, row in known.items():
        if name not in given and row["gone_at"] is None:
            module.warn(
                f"the front asks store {name}, which is not in ctaudit_stores; put it there, with "
                f"state retired or gone where it is, or: ctaudit store retire {shlex.quote(name)}"
            )
    actions = [action for action, _ in steps]
    diff = {"before": "", "after": "".join(f"{action}\n" for action in actions)}
    module.exit_json(changed=bool(steps), actions=actions, diff=diff)


def _list_known(module: AnsibleModule) -> dict[str, dict]:
    """By name; in check mode there may be no front yet, or a program that knows none."""
    try:
        return {row["name"]: row for row in json.loads(_run(module, ["list", "--json"]))["stores"]}
    except Refused:
        if module.check_mode:
            return {}
        raise


def _list_silent(module: AnsibleModule) -> list[tuple[str, str]]:
    """Of each store that does not answer its name, and a sentence."""
    said = run_sql(module, _ASK_ALL, DATABASE)
    return [(row["store"], row["sentence"]) for row in json.loads(said)]


def _find_remedy(why: str, store: dict) -> str:
    remedy = next((way for words, way in _REMEDIES.items() if words in why), _REMEDY)
    variable = f"ctaudit_stores.{store['name']}"
    host = store["host"] or store["address"]
    return remedy.format(variable=variable, address=store["address"], host=host)


def _steps(store: dict, known: dict | None, connection: dict) -> list[tuple[str, list[str]]]:
    """What is done, and the words after C(ctaudit store)."""
    name, state, patience = store["name"], store["state"], store["patience"]
    wanted = {"host": store["address"], **connection}
    is_as_told = (
        known is not None and _read_dsn(known["dsn"]) == wanted and known["patience"] == patience
    )
    was_gone = known is not None and known["gone_at"] is not None
    was_retired = known is not None and known["retired_at"] is not None
    gone = (f"store {name} is gone", ["retire", name, "--gone"])
    # However it was reached.
    if state == "gone" and known is not None:
        return [] if was_gone else [gone]
    steps = []
    comes_back = (was_gone and state != "gone") or (was_retired and state == "present")
    # A store that was taken out, or retired, comes back by the same words.
    if not is_as_told or comes_back:
        words = ["add", name, "--store", _format_dsn(wanted), "--patience", str(patience)]
        steps.append((f"asks store {name}", words))
        was_retired = False
    if state == "gone":
        steps.append(gone)
    elif state == "retired" and not was_retired:
        steps.append((f"store {name} is retired", ["retire", name]))
    return steps


def _run(module: AnsibleModule, words: list[str]) -> str:
    if not is_installed():
        raise Refused("PostgreSQL is not installed")
    argv = [_COMMAND, "store", *words, "--dsn", DSN]
    status, said, complaint = as_superuser(module, argv)
    if status:
        raise Refused(complaint.strip().removeprefix("ctaudit: "))
    return said


def _read_dsn(text: str) -> dict[str, str]:
    """As libpq writes and reads it (connection strings, key = value)."""
    return {
        key: re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)
        for key, value in _PAIR.findall(text)
    }


def _format_dsn(parameters: dict[str, str]) -> str:
    return " ".join(f"{key}={_quote(value)}" for key, value in parameters.items())


def _quote(value: str) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'" if not escaped or set(escaped) & set(" \\'") else escaped


if __name__ == "__main__":
    main()
