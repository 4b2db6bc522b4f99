#!/usr/bin/python
"""Settings of the kernel, in the host's network namespace or in another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_sysctl
short_description: Set settings of the kernel and see that they hold
description:
  - Settings that must hold and cannot stop it before anything is set. Limits that cannot be set
    are named and left.
options:
  settings:
    description: What must hold.
    type: dict
    default: {}
  limits:
    description: What is wanted, in the host's own network namespace.
    type: dict
    default: {}
  namespace:
    description: The network namespace of the settings, a path; empty for the host's own.
    type: str
    default: ""
  foreseen:
    description: In check mode, that the module of connection tracking is going to be loaded.
    type: bool
    default: false
  only_ask:
    description: Whether only to find out if it can be done.
    type: bool
    default: false
author: ctaudit
"""

EXAMPLES = r"""
- name: Accounting
  ctaudit_sysctl:
    settings: {net.netfilter.nf_conntrack_acct: 1}
"""

RETURN = r"""
kept:
  description: A sentence for each limit that stays as it is.
  type: list
  returned: always
"""

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_kernel import (
    Setting,
    explain_kept,
    explain_refused,
    explain_undone,
    find_path,
)

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "default": {}},
            "namespace": {"type": "str", "default": ""},
            "foreseen": {"type": "bool", "default": False},
            "only_ask": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    limits = _read(module.params["limits"])
    due = [limit for limit in limits if not limit.holds and limit.is_writable]
    with _network(module, module.params["namespace"]):
        settings = _read(module.params["settings"])
        faults = explain_refused([x for x in settings if not _is_foreseen(module, x)])
        if faults:
            module.fail_json(msg="; ".join(faults))
        wrong = [setting for setting in settings if not setting.holds]
        if not module.params["only_ask"] and not module.check_mode:
            _write(module, wrong)
    if not module.params["only_ask"] and not module.check_mode:
        _write(module, due)
    changes = [] if module.params["only_ask"] else [*wrong, *due]
    module.exit_json(
        changed=bool(changes),
        kept=explain_kept(limits),
        diff={
            "before": "".join(f"{setting.name} = {setting.value}\n" for setting in changes),
            "after": "".join(f"{setting.name} = {setting.wanted}\n" for setting in changes),
        },
    )


def _is_foreseen(module: AnsibleModule, setting: Setting) -> bool:
    return setting.value is None and module.check_mode and module.params["foreseen"]


@contextmanager
def _network(module: AnsibleModule, path: str) -> Iterator[None]:
    """In that network namespace: what stands below /proc/sys/net is the process's own."""
    if not path:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        other = os.open(path, os.O_RDONLY)
    except OSError as error:
        module.fail_json(
            msg=f"ctaudit_network_namespace: {path}: {error.strerror}; what makes it at boot is "
            "the site's own, start that first"
        )
    try:
        if libc.setns(other, _CLONE_NEWNET):
            why = os.strerror(ctypes.get_errno())
            module.fail_json(
                msg=f"ctaudit_network_namespace: {path} is no network namespace: {why}"
            )
        yield
    finally:
        libc.setns(own, _CLONE_NEWNET)
        os.close(other)
        os.close(own)


def _read(wanted: Mapping[str, object]) -> list[Setting]:
    found = []
    for name, value in wanted.items():
        path = find_path(name)
        try:
            current = path.read_text().strip()
        except OSError:
            current = None
        found.append(Setting(name, str(value), current, os.access(path, os.W_OK)))
    return found


def _write(module: AnsibleModule, settings: list[Setting]) -> None:
    for setting in settings:
        try:
            find_path(setting.name).write_text(f"{setting.wanted}\n")
        except OSError as error:
            module.fail_json(
                msg=f"the kernel refuses {setting.name} = {setting.wanted}: {error.strerror}"
            )
    undone = explain_undone(_read({setting.name: setting.wanted for setting in settings}))
    if undone:
        module.fail_json(msg="; ".join(undone))


if __name__ == "__main__":
    main()
