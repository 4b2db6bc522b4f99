"""The Ansible role's modules on a real server, without Ansible."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lab.cluster import Cluster

ROLE = Path(__file__).parents[2] / "roles" / "ctaudit"


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_module(
    name: str, ansible_module: type, server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """A module of the role: ``ansible_module`` stands for AnsibleModule, psql asks ``server``."""
    basic = ModuleType("ansible.module_utils.basic")
    basic.__dict__["AnsibleModule"] = ansible_module
    for package in ("ansible", "ansible.module_utils"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, "ansible.module_utils.basic", basic)
    psql = _load("ansible.module_utils.ctaudit_psql", ROLE / "module_utils" / "ctaudit_psql.py")
    monkeypatch.setitem(sys.modules, "ansible.module_utils.ctaudit_psql", psql)

    def as_superuser(_: object, argv: list[str], text: str = "") -> tuple[int, str, str]:
        words = [server.client("psql"), *argv[1:], "-U", server.superuser]
        done = subprocess.run(
            [*words, "-h", str(server.socket_directory)],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    monkeypatch.setattr(psql, "as_superuser", as_superuser)
    monkeypatch.setattr(psql, "is_installed", lambda: True)
    for other in ("ctaudit_postgres", "ctaudit_block"):  # which use it
        path = ROLE / "module_utils" / f"{other}.py"
        monkeypatch.setitem(
            sys.modules,
            f"ansible.module_utils.{other}",
            _load(f"ansible.module_utils.{other}", path),
        )
    return _load(name, ROLE / "library" / f"{name}.py")
