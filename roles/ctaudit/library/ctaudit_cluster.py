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

import re
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_psql import Refused, ask, foreseen_directory, is_installed

_PATIENCE = 30.0  # seconds for a server that is just starting


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
        found = _find(module)
        action = _settle(module, found) if module.params["settle"] else "none"
    except Refused as refused:
        module.fail_json(msg=f"PostgreSQL on this host: {refused}")
    module.exit_json(changed=action != "none", action=action, **found)


def _find(module: AnsibleModule) -> dict:
    """Waits for the server; in check mode it may not be there yet."""
    if not is_installed():
        if module.check_mode:
            return _foresee()
        raise Refused("it is not installed; apt install postgresql")
    deadline = time.monotonic() + (0 if module.check_mode else _PATIENCE)
    while True:
        try:
            hba = ask(module, "current_setting('hba_file')")
            config = ask(module, "current_setting('config_file')")
            return {"present": True, "directory": str(Path(config).parent), "hba_file": hba}
        except Refused as refused:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            if module.check_mode:
                module.warn(f"PostgreSQL does not answer, what would change is foreseen: {refused}")
                return _foresee()
            raise Refused(
                f"it does not answer: {refused}; pg_lsclusters shows it, journalctl says why"
            ) from None


def _foresee() -> dict:
    directory = foreseen_directory()
    return {"present": False, "directory": directory, "hba_file": f"{directory}/pg_hba.conf"}


def _settle(module: AnsibleModule, found: dict) -> str:
    if module.check_mode and (module.params["foreseen"] or not found["present"]):
        return "reload"
    if not found["present"]:
        return "none"
    action = "none"
    if _newest(module, found) > ask(module, "extract(epoch FROM pg_conf_load_time())"):
        _refuse_wrong(module, found)
        action = "reload"
        if not module.check_mode:
            _reload(module)
    waiting = ask(
        module, "SELECT coalesce(json_agg(name), '[]') FROM pg_settings WHERE pending_restart"
    )
    if waiting:
        action = "restart"
        if not module.check_mode:
            _restart(module, found["directory"], waiting)
    return action


def _newest(module: AnsibleModule, found: dict) -> float:
    """When the last of the files was changed, or moved into its place."""
    place = Path(found["directory"])
    files = [place / "postgresql.conf", place / "conf.d", *(place / "conf.d").glob("*")]
    files += map(Path, [found["hba_file"], *module.params["files"]])
    return max((path.stat().st_ctime for path in files if path.exists()), default=0.0)


def _refuse_wrong(module: AnsibleModule, found: dict) -> None:
    # A setting that waits for a restart is not applied yet, which is no mistake.
    later = (
        "NOT EXISTS (SELECT FROM pg_settings AS s"
        " WHERE s.name = pg_file_settings.name AND s.context = 'postmaster')"
    )
    for view, line, where, unless in (
        ("pg_hba_file_rules", "line_number", found["hba_file"], "true"),
        ("pg_file_settings", "sourceline", found["directory"], later),
    ):
        faults = ask(
            module,
            f"SELECT coalesce(json_agg(format('line %s: %s', {line}, error)), '[]')"
            f" FROM {view} WHERE error IS NOT NULL AND {unless}",
        )
        if faults:
            raise Refused(f"{where} would not be accepted: {'; '.join(faults)}")


def _reload(module: AnsibleModule) -> None:
    before = ask(module, "pg_conf_load_time()")
    ask(module, "pg_reload_conf()")
    deadline = time.monotonic() + _PATIENCE
    while ask(module, "pg_conf_load_time()") == before:
        if time.monotonic() > deadline:
            raise Refused("it does not reload its configuration; journalctl says why")
        time.sleep(0.1)
    time.sleep(0.2)  # until each setting is marked that waits for a restart


def _restart(module: AnsibleModule, directory: str, waiting: list[str]) -> None:
    place = re.fullmatch(r"/etc/postgresql/(\d+)/([^/]+)", directory)
    if not place:
        raise Refused(f"{', '.join(waiting)} wait for a restart; restart it by hand")
    unit = f"postgresql@{place[1]}-{place[2]}.service"
    status, _, complaint = module.run_command(["systemctl", "restart", unit])
    if status:
        raise Refused(f"systemctl restart {unit}: {complaint.strip()}; journalctl -u {unit}")
    _find(module)


if __name__ == "__main__":
    main()
