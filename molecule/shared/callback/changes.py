"""Writes down which tasks of a play changed what, so that a prediction can be compared.

A line of JSON a run, appended to the file that CTAUDIT_CHANGES names: the playbook, whether it
was check mode, its seconds, the changed tasks as [host, role and task], and the slowest tasks.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: changes
type: aggregate
short_description: writes changed tasks to a file
description: The environment's CTAUDIT_CHANGES names the file; without it nothing is written.
requirements: []
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "changes"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._playbook = ""
        self._changed: list[list[str]] = []
        self._starts: list[tuple[float, str]] = []

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook = Path(playbook._file_name).name

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._result.get("changed"):
            self._changed.append([result._host.get_name(), result._task.get_name()])

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del is_conditional
        self._starts.append((time.monotonic(), task.get_name()))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        target = os.environ.get("CTAUDIT_CHANGES")
        if not target:
            return
        run = {
            "playbook": self._playbook,
            "check": bool(context.CLIARGS.get("check")),
            "seconds": round(time.monotonic() - self._began, 1),
            "changed": self._changed,
            "slowest": self._find_slowest(time.monotonic()),
        }
        with Path(target).open("a") as file:
            file.write(json.dumps(run) + "\n")

    def _find_slowest(self, now: float) -> list[tuple[float, str]]:
        ends = [start for start, _ in self._starts[1:]] + [now]
        took = zip(self._starts, ends, strict=True)
        spans = [(round(end - start, 1), name) for (start, name), end in took]
        return sorted(spans, reverse=True)[:10]
