#!/usr/bin/python
"""A gateway's or a front's lines in the pg_hba.conf of this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_hba
short_description: Let a login into the database ctaudit from its networks, over TLS
description:
  - The lines stand between two marks. A file that the server would not load does not stay; the
    old one comes back, and the module fails.
options:
  login:
    description: The login's name.
    type: str
    required: true
  whose:
    description: Whose login it is; the marks say so.
    type: str
    choices: [gateway, front]
    default: gateway
  networks:
    description: From where, in CIDR notation.
    type: list
    elements: str
    default: []
  method:
    description: How it proves who it is.
    type: str
    choices: [scram-sha-256, cert]
    default: scram-sha-256
  state:
    description: Whether there are such lines.
    type: str
    choices: [present, absent]
    default: present
author: ctaudit
"""

EXAMPLES = r"""
- name: The gateway's lines
  ctaudit_hba:
    login: gw1
    networks: [192.0.2.1/32]
"""

RETURN = r"""
hba_file:
  description: The file.
  type: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_block import differing_lines, replace_block
from ansible.module_utils.ctaudit_postgres import find_server, refuse_wrong, replaced
from ansible.module_utils.ctaudit_psql import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "login": {"type": "str", "required": True},
            "whose": {"type": "str", "choices": ["gateway", "front"], "default": "gateway"},
            "networks": {"type": "list", "elements": "str", "default": []},
            "method": {
                "type": "str",
                "choices": ["scram-sha-256", "cert"],
                "default": "scram-sha-256",
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    try:
        found = find_server(module)
        path = Path(found["hba_file"])
        # A comment may be in another encoding, and stays as it is.
        before = path.read_text("utf-8", errors="surrogateescape") if path.exists() else ""
        mark = f"{module.params['whose']} {module.params['login']}"
        after = replace_block(before, mark, _lines(module))
        if after != before and not module.check_mode:
            refuse_wrong(module, found)
            with replaced({path: after}):
                refuse_wrong(module, found)
    except Refused as refused:
        module.fail_json(msg=f"PostgreSQL on this host: {refused}")
    gone, come = differing_lines(before, after)
    diff = {"before": gone, "after": come, "before_header": str(path), "after_header": str(path)}
    module.exit_json(changed=after != before, hba_file=str(path), diff=diff)


def _lines(module: AnsibleModule) -> list[str]:
    if module.params["state"] == "absent":
        return []
    login, method = module.params["login"], module.params["method"]
    return [
        f'hostssl ctaudit "{login}" {network} {method}' for network in module.params["networks"]
    ]


if __name__ == "__main__":
    main()
