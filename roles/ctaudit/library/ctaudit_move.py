#!/usr/bin/python
"""A gateway's record that goes on in another store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_move
short_description: Hand a gateway's stream over to another store, or take it over
description:
  - On the old store's host C(state=handed_over), then on the new one's C(state=taken_over) with
    what the first returned, and on the old one's C(state=settled). Each may be repeated. In between
    the gateway's spool waits, and no row is recorded twice; until the last what it records is
    unknown.
options:
  node:
    description: The gateway's name in the record.
    type: str
    required: true
  to:
    description: What the new store is called.
    type: str
    required: true
  handed:
    description:
      - With C(state=taken_over), what the old store has handed over; nothing to do if empty.
    type: str
    default: ""
  patience:
    description: Seconds to wait for a table dump of the gateway that is being recorded.
    type: int
    default: 60
  foreseen:
    description: In check mode, that the old store is going to hand something over, or has.
    type: bool
    default: false
  state:
    description: Which step of the move this host has to take.
    type: str
    choices: [handed_over, taken_over, settled]
    required: true
author: ctaudit
"""

EXAMPLES = r"""
- name: The old store takes nothing more
  ctaudit_move:
    node: gw1
    to: b
    state: handed_over
"""

RETURN = r"""
handed:
  description: With C(state=handed_over), JSON for the other side; empty where nothing is recorded.
  type: str
  returned: always
"""

import json
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_psql import DATABASE, Refused, ask, quote_text

_REASON = "the Ansible role"
# What passes by itself while the gateway's recorder goes on.
_BUSY = "is not recorded and compared to its end yet"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "to": {"type": "str", "required": True},
            "handed": {"type": "str", "default": ""},
            "patience": {"type": "int", "default": 60},
            "foreseen": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": list(_STEPS), "required": True},
        },
        supports_check_mode=True,
    )
    try:
        changed, handed = _STEPS[module.params["state"]](module)
    except Refused as refused:
        node, to = module.params["node"], module.params["to"]
        module.fail_json(msg=f"moving {node} to store {to}: {refused}")
    module.exit_json(changed=changed, handed=handed)


def _hand_over(module: AnsibleModule) -> tuple[bool, str]:
    node, to = quote_text(module.params["node"]), quote_text(module.params["to"])
    known = (
        f"EXISTS (SELECT FROM ctaudit.node AS n WHERE n.node = {node})"
        f" OR EXISTS (SELECT FROM ctaudit.node_change AS c WHERE c.former_name = {node})"
    )
    if not ask(module, known, DATABASE):
        return False, ""
    last = (
        "SELECT json_build_object('moved', s.detail ->> 'moved_to') FROM ctaudit.stream AS s"
        f" WHERE s.node = ctaudit.node_named({node})"
        " ORDER BY s.started_at DESC, s.committed_at DESC LIMIT 1"
    )
    found = ask(module, last, DATABASE)
    if found is None:
        return False, ""
    is_new = found["moved"] is None
    if module.check_mode:
        return is_new, ""
    deadline = time.monotonic() + module.params["patience"]
    statement = f"ctaudit.hand_over({node}, {to}, {quote_text(_REASON)})"
    while True:
        try:
            return is_new, json.dumps(ask(module, statement, DATABASE))
        except Refused as refused:
            if _BUSY not in str(refused) or time.monotonic() > deadline:
                raise
            time.sleep(1)


def _take_over(module: AnsibleModule) -> tuple[bool, str]:
    if not module.params["handed"]:
        return module.check_mode and module.params["foreseen"], ""
    handed = json.loads(module.params["handed"])
    node, stream = quote_text(handed["node"]), quote_text(handed["stream"])
    known = (
        "EXISTS (SELECT FROM ctaudit.stream AS s"
        f" WHERE s.node = {node} AND s.stream = {stream} AND s.stopped_at IS NULL"
        f" AND s.position = {int(handed['position'])})"
    )
    if ask(module, known, DATABASE):
        return False, ""
    text = quote_text(module.params["handed"])
    ask(module, f"ctaudit.take_over({text}, {quote_text(_REASON)})", DATABASE)
    return True, ""


def _settle(module: AnsibleModule) -> tuple[bool, str]:
    if not module.params["handed"]:
        return module.check_mode and module.params["foreseen"], ""
    node, to = quote_text(module.params["node"]), quote_text(module.params["to"])
    return ask(module, f"ctaudit.settle_move({node}, {to})", DATABASE), ""


_STEPS = {"handed_over": _hand_over, "taken_over": _take_over, "settled": _settle}


if __name__ == "__main__":
    main()
