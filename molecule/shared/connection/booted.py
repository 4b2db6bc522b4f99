"""Ansible's connection to a booted test machine: its host name names it, see lab/fleet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: booted
short_description: run in a machine that stands on this host
description:
  - Enters the namespaces of a machine that C(python3 -m lab.fleet up) has booted, as root or as
    another of its users.
  - The machine's first process is looked up for each command, since a reboot changes it.
author: ctaudit
extends_documentation_fragment:
  - connection_pipelining
options:
  remote_addr:
    description: The machine's name.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
  remote_user:
    description: The user there.
    default: root
    vars:
      - name: ansible_user
"""

RECORDS = Path("/run/ctaudit-machines")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class Connection(ConnectionBase):
    transport = "booted"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        variables = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        words = ["nsenter", f"--target={self._find_leader()}", "--all", "env", "-i", *variables]
        if self._user != "root":
            words += ["runuser", "-u", self._user, "--", "env", f"HOME=/home/{self._user}"]
        # Become works without a password: the machines' sudo asks for none.
        done = subprocess.run(
            [*words, "/bin/sh", "-c", cmd], input=in_data or b"", capture_output=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        if not Path(in_path).exists():
            raise AnsibleFileNotFound(f"{in_path} does not exist")
        target = self._place(out_path)
        shutil.copyfile(in_path, target)
        # As this host counts: root of a container is another user here.
        home = self._place("/root" if self._user == "root" else f"/home/{self._user}").stat()
        os.chown(target, home.st_uid, home.st_gid)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        try:
            shutil.copyfile(self._place(in_path), out_path)
        except FileNotFoundError:
            raise AnsibleFileNotFound(f"{in_path} does not exist on {self._name}") from None

    def close(self) -> None:
        self._connected = False

    def reset(self) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return str(self.get_option("remote_addr"))

    @property
    def _user(self) -> str:
        return str(self.get_option("remote_user"))

    def _place(self, path: str) -> Path:
        """Where this host sees a file of the machine, its mounts included."""
        return Path(f"/proc/{self._find_leader()}/root", path.lstrip("/"))

    def _find_leader(self) -> int:
        """The machine's first process, as this host counts."""
        try:
            record: dict[str, Any] = json.loads((RECORDS / f"{self._name}.json").read_text())
            nspawn = record["nspawn"]
            children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
            for child in children:
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        except (OSError, KeyError, ValueError):
            pass  # absent, off, or about to boot: all the same to a caller
        raise AnsibleConnectionFailure(f"no machine {self._name!r} is running on this host")
