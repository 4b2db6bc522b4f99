"""Does check mode say what a run then does? python3 -m lab.fleet.changes FILE [TASK...]

FILE is what molecule/shared/callback/changes.py has written. The first check of converge.yml must
name the tasks, by host, that the first real run has changed; exit status 1 if it does not.
TASK: one that may be foreseen in vain, since only the run can know.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Run = dict[str, Any]


def compare_runs(runs: Sequence[Run], uncertain: Sequence[str] = ()) -> list[str]:
    """A line for each changed task that check and run do not agree on."""
    converged = [run for run in runs if run["playbook"] == "converge.yml"]
    check = next((run for run in converged if run["check"]), None)
    real = next((run for run in converged if not run["check"]), None)
    if check is None or real is None:
        return ["converge.yml was not run both in check mode and for real"]
    foreseen, done = ({tuple(task) for task in run["changed"]} for run in (check, real))
    missed = [f"not foreseen by check mode: {_format_task(task)}" for task in done - foreseen]
    vain = [
        f"foreseen by check mode, but not done: {_format_task(task)}"
        for task in foreseen - done
        if task[1] not in uncertain
    ]
    return sorted(missed + vain) or ([] if done else ["nothing was changed"])


def _format_task(task: tuple[str, ...]) -> str:
    return f"{task[1]} ({task[0]})"


def main(arguments: Sequence[str]) -> int:
    runs = [json.loads(line) for line in Path(arguments[0]).read_text().splitlines()]
    lines = compare_runs(runs, arguments[1:])
    for run in runs:
        what = "check mode" if run["check"] else "run"
        slowest = ", ".join(f"{name} {seconds} s" for seconds, name in run["slowest"][:3])
        summary = f"{len(run['changed'])} changes in {run['seconds']} s, the slowest: {slowest}"
        print(f"{run['playbook']} ({what}): {summary}")
    print("\n".join(lines) or "what check mode foresaw is what was done")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
