#!/usr/bin/python
"""PostgreSQL's cluster on a host: where its files are, and that it goes by what they say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_cluster
short_description: Make the PostgreSQL of this host go by its configuration
description:
  - Reloads the configuration when a file of it is newer than what the server goes by, and
    restarts the server when a setting waits for that. Unlike a handler it needs no memory of an
    earlier task, so that a run that was broken off is made good by the next one.
  - Configuration that the server would not accept is refused before it is reloaded.
options:
  settle:
    description: Reload and restart where needed; without it the files are only found.
    type: bool
    default: false
  files:
    description: Files that count besides postgresql.conf, conf.d and pg_hba.conf.
    type: list
    elements: path
    default: []
  foreseen:
    description: In check mode, that a file is going to change.
    type: bool
    default: false
author: ctaudit
"""

EXAMPLES = r"""
- name: PostgreSQL goes by its files
  ctaudit_cluster:
    settle: true
"""

RETURN = r"""
present:
  description: Whether there is a server that can be asked.
  type: bool
  returned: always
directory:
  description: Where its configuration is, or is going to be.
  type: str
  returned: always
hba_file:
  description: Its client authentication file.
  type: str
  returned: always
action:
  description: none, reload or restart.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_postgres import find_server, settle
from ansible.module_utils.ctaudit_psql import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settle": {"type": "bool", "default": False},
            "files": {"type": "list", "elements": "path", "default": []},
            "foreseen": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        found = find_server(module)
        action = "none"
        if module.params["settle"]:
            action = settle(module, found, module.params["files"], module.params["foreseen"])
    except Refused as refused:
        module.fail_json(msg=f"PostgreSQL on this host: {refused}")
    module.exit_json(changed=action != "none", action=action, **found)


if __name__ == "__main__":
    main()
