"""All candidates side by side: round after round, each once a round."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.candidates import CANDIDATES
from bench.figures import Run
from bench.machine import describe_machine, measure_fsync, measure_steadiness
from bench.stage import standing_stage

RESULTS = Path(__file__).with_name("results")


def run_all(rounds: int, names: Sequence[str] = tuple(CANDIDATES)) -> dict[str, Any]:
    """The result as JSON has it."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    began = time.monotonic()
    with standing_stage() as stage:
        fsync = measure_fsync(stage.cluster)
        steadiness = []
        for number in range(rounds):
            steadiness.append(measure_steadiness())
            # Each round begins with another one, so that none is always behind the same other.
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                run = CANDIDATES[name].run(stage, CANDIDATES[name].connections)
                runs[name].append(run)
                _say(f"{number + 1}/{rounds} {name}: {run.rate:,.0f} events/s, lost {run.lost}")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_seconds": round(time.monotonic() - began),
        "machine": describe_machine(),
        "fsync": fsync,
        "loop_seconds": steadiness,
        "runs": {name: [run.as_json() for run in some] for name, some in runs.items()},
    }


def load_runs(result: Mapping[str, Any]) -> dict[str, list[Run]]:
    return {name: [Run.from_json(run) for run in some] for name, some in result["runs"].items()}


def write_result(name: str, result: Mapping[str, Any]) -> Path:
    """Below bench/results; what was there under the same name is replaced."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def read_result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
