#!/usr/bin/python
"""A login of the database ctaudit on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_login
short_description: Make a login that is a member of one of ctaudit's roles
description:
  - The password is turned into a SCRAM verifier here, so that the server and its logs never see
    it; a verifier that already fits the password is left alone.
options:
  name:
    description: The login's name.
    type: str
    required: true
  role:
    description: The role of ctaudit that it is a member of.
    type: str
    choices: [auditor, front, maintainer, owner, recorder]
  password:
    description: Printable ASCII. Empty for a login that the system or a certificate vouches for,
      which has none.
    type: str
    default: ""
  nodes:
    description: Of a recorder's login, the gateways that it records as; others that it has stay.
      With C(state=absent), those that it does not record as any more; the login goes unless
      it records as others that are not retired.
    type: list
    elements: str
    default: []
  former_nodes:
    description: Names that the gateway had before, under which its spool may have events; the login
      records as these too, but for one that is renamed in the database, which knows its streams.
    type: list
    elements: str
    default: []
  limits:
    description: Of the login of an auditor or of a front end; what is left out is not changed.
    type: dict
    default: {}
    suboptions:
      statement_timeout:
        description: How long a question may take, which a session may change.
        type: str
      temp_file_limit:
        description: How much disk space a session's questions may take for the time being.
        type: str
      connections:
        description: How many sessions it may have at a time.
        type: int
  state:
    description: Whether there is such a login.
    type: str
    choices: [present, absent]
    default: present
author: ctaudit
"""

EXAMPLES = r"""
- name: The gateway's login
  ctaudit_login:
    name: gw1
    role: recorder
    nodes: [gw1]
    password: "{{ ctaudit_database_password }}"
"""

RETURN = r"""
actions:
  description: What was done, a few words each.
  type: list
  returned: always
kept:
  description: With C(state=absent), that the login stays, since it records as other gateways.
  type: bool
  returned: always
"""

import base64
import hashlib
import hmac
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_psql import (
    DATABASE,
    Refused,
    ask,
    is_installed,
    quote_name,
    quote_text,
    run_sql,
)

_ROUNDS = 4096  # PostgreSQL's own
_REASON = "the Ansible role"
# Groups of which a login is no member, and what to do: a gateway must neither read nor change the
# record, and a front asks and does nothing else.
_OTHERS = {
    "recorder": (
        ("ctaudit_owner", "ctaudit_auditor", "ctaudit_maintainer", "ctaudit_front"),
        "a gateway's may record and nothing else; set another one in ctaudit_database_login",
    ),
    "front": (
        ("ctaudit_owner", "ctaudit_maintainer", "ctaudit_recorder"),
        "a front's may ask and nothing else; set another one in ctaudit_front_login",
    ),
}
_LIMITS = {
    "statement_timeout": {"type": "str"},
    "temp_file_limit": {"type": "str"},
    "connections": {"type": "int"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "role": {
                "type": "str",
                "choices": ["auditor", "front", "maintainer", "owner", "recorder"],
            },
            "password": {"type": "str", "default": "", "no_log": True},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "former_nodes": {"type": "list", "elements": "str", "default": []},
            "limits": {"type": "dict", "default": {}, "options": _LIMITS},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["role"])],
        supports_check_mode=True,
    )
    name = module.params["name"]
    try:
        found = _find(module, name)
        steps = _steps(module, found)
        if steps and not module.check_mode:
            # One transaction: never a login without its password.
            text = "BEGIN;" + "".join(f"{step};" for step in steps.values()) + "COMMIT;"
            is_of_database = any(step.startswith("SELECT ctaudit.") for step in steps.values())
            run_sql(module, text, DATABASE if is_of_database else "postgres")
    except Refused as refused:
        module.fail_json(msg=f"login {name}: {refused}")
    before = _describe(name, found)
    after = "".join(f"{name}: {step}\n" for step in steps)
    diff = {"before": before, "after": before + after if found else after}
    if module.params["state"] == "absent":
        diff["after"] = ""
    kept = module.params["state"] == "absent" and found is not None and "removed" not in steps
    module.exit_json(changed=bool(steps), actions=list(steps), diff=diff, kept=kept)


def _find(module: AnsibleModule, name: str) -> dict | None:
    """What the server knows of the login; None: there is none, or in check mode no server."""
    statement = (
        "SELECT json_build_object('login', rolcanlogin, 'super', rolsuper,"
        " 'verifier', rolpassword, 'groups',"
        " (SELECT coalesce(json_agg(r.rolname), '[]') FROM pg_auth_members AS m"
        "   JOIN pg_roles AS r ON r.oid = m.roleid WHERE m.member = a.oid),"
        " 'connections', rolconnlimit, 'settings',"
        " (SELECT coalesce(json_object_agg(split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)),"
        "   '{}') FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase,"
        "  unnest(s.setconfig) AS c"
        f"  WHERE s.setrole = a.oid AND d.datname = {quote_text(DATABASE)}))"
        f" FROM pg_authid AS a WHERE rolname = {quote_text(name)}"
    )
    try:
        if not is_installed():
            raise Refused("PostgreSQL is not installed on this host")
        return ask(module, statement)
    except Refused:
        if module.check_mode:
            return None
        raise


def _find_nodes(module: AnsibleModule, name: str) -> dict[str, bool]:
    """The gateways that it records as, and whether they are retired."""
    statement = (
        "SELECT coalesce(json_object_agg(l.node, n.retired_at IS NOT NULL), '{}')"
        " FROM ctaudit.node_login AS l LEFT JOIN ctaudit.node AS n USING (node)"
        f" WHERE l.login = {quote_text(name)}"
    )
    try:
        return ask(module, statement, DATABASE) or {}
    except Refused as refused:
        # Before the database or its schema is there, and after the database is gone.
        if module.check_mode or module.params["state"] == "absent":
            return {}
        raise Refused(f"{refused}; bring the schema to the package's version first") from None


def _steps(module: AnsibleModule, found: dict | None) -> dict[str, str]:
    """Statements by what they do."""
    name, password = module.params["name"], module.params["password"]
    quoted = quote_name(name)
    if module.params["state"] == "absent":
        return _removing_steps(module, found)
    if not (password.isascii() and password.isprintable()):
        raise Refused("its password must be printable ASCII")
    _refuse_others(module, found)
    group = f"ctaudit_{module.params['role']}"
    steps = {}
    if found is None:
        steps["made"] = f"CREATE ROLE {quoted} LOGIN"
    elif not found["login"]:
        steps["may log in"] = f"ALTER ROLE {quoted} LOGIN"
    if found is None or group not in found["groups"]:
        steps[f"member of {group}"] = f"GRANT {group} TO {quoted}"
    # What the maintainer's login was before it had a role of its own.
    if group == "ctaudit_maintainer" and found and "ctaudit_owner" in found["groups"]:
        steps["no member of ctaudit_owner"] = f"REVOKE ctaudit_owner FROM {quoted}"
    verifier = found["verifier"] if found else None
    if password and not fits(password, verifier or ""):
        steps["password changed"] = (
            f"ALTER ROLE {quoted} PASSWORD {quote_text(make_verifier(password, os.urandom(16)))}"
        )
    elif not password and verifier:
        steps["password taken away"] = f"ALTER ROLE {quoted} PASSWORD NULL"
    return {**steps, **_limiting_steps(module, found), **_node_steps(module)}


def _refuse_others(module: AnsibleModule, found: dict | None) -> None:
    """Raises Refused where the login may what one of its role must not."""
    if found is None or module.params["role"] not in _OTHERS:
        return
    others, remedy = _OTHERS[module.params["role"]]
    groups = [group for group in others if group in found["groups"]]
    what = "a superuser" if found["super"] else f"a member of {groups[0]}" if groups else ""
    if what:
        raise Refused(f"it is {what}, {remedy}")


def _limiting_steps(module: AnsibleModule, found: dict | None) -> dict[str, str]:
    quoted = quote_name(module.params["name"])
    limits = {key: value for key, value in module.params["limits"].items() if value is not None}
    most = limits.pop("connections", None)
    steps = {}
    if most is not None and (found is None or found["connections"] != most):
        steps[f"at most {most} connections"] = f"ALTER ROLE {quoted} CONNECTION LIMIT {most}"
    known = found["settings"] if found else {}
    for name, value in limits.items():
        if known.get(name) != value:
            steps[f"{name} = {value}"] = (
                f"ALTER ROLE {quoted} IN DATABASE {DATABASE} SET {name} = {quote_text(value)}"
            )
    return steps


def _node_steps(module: AnsibleModule) -> dict[str, str]:
    name, nodes = module.params["name"], module.params["nodes"]
    known = _find_nodes(module, name) if nodes else {}
    return {
        f"records as {node}": _changing_login("add_login", node, name)
        for node in [*nodes, *_find_former_nodes(module)]
        if node not in known
    }


def _find_former_nodes(module: AnsibleModule) -> list[str]:
    names = ", ".join(map(quote_text, module.params["former_nodes"]))
    statement = (
        f"SELECT coalesce(json_agg(name), '[]') FROM unnest(ARRAY[{names}]::text[]) AS name"
        " WHERE EXISTS (SELECT FROM ctaudit.node AS n WHERE n.node = name)"
        " OR NOT EXISTS (SELECT FROM ctaudit.node_change AS c WHERE c.former_name = name)"
    )
    try:
        return ask(module, statement, DATABASE) or [] if names else []
    except Refused:
        if module.check_mode:
            return []
        raise


def _removing_steps(module: AnsibleModule, found: dict | None) -> dict[str, str]:
    """The login stays while it is that of other gateways, retired ones apart."""
    name, nodes = module.params["name"], module.params["nodes"]
    known = _find_nodes(module, name) if nodes else {}
    others = [node for node, is_retired in known.items() if node not in nodes and not is_retired]
    steps = {
        f"does not record as {node} any more": _changing_login("remove_login", node, name)
        for node in known
        if node in nodes or not others
    }
    if found is not None and not others:
        steps["removed"] = f"DROP ROLE {quote_name(name)}"
    return steps


def _changing_login(function: str, node: str, login: str) -> str:
    words = ", ".join(map(quote_text, (node, login, _REASON)))
    return f"SELECT ctaudit.{function}({words})"


def make_verifier(password: str, salt: bytes, rounds: int = _ROUNDS) -> str:
    """What pg_authid keeps of a password: RFC 5802 and RFC 7677 in PostgreSQL's notation."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(x).decode() for x in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt64}${stored64}:{server64}"


def fits(password: str, verifier: str) -> bool:
    kind, _, rest = verifier.partition("$")
    if kind != "SCRAM-SHA-256":
        return False
    rounds, _, salt = rest.partition("$")[0].partition(":")
    made = make_verifier(password, base64.b64decode(salt), int(rounds))
    return hmac.compare_digest(made, verifier)


def _describe(name: str, found: dict | None) -> str:
    if found is None:
        return ""
    lines = [
        *found["groups"],
        "with a password" if found["verifier"] else "without a password",
        *(f"{key} = {value}" for key, value in found["settings"].items()),
    ]
    return "".join(f"{name}: {line}\n" for line in lines)


if __name__ == "__main__":
    main()
