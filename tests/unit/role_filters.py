"""The role's filters, which Ansible loads by their files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLE = Path(__file__).resolve().parents[2] / "roles/ctaudit"


def load_role_file(path: str) -> ModuleType:
    """``filter_plugins/ctaudit_values.py`` as a module."""
    file = ROLE / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # a dataclass asks for it
    spec.loader.exec_module(module)
    return module
