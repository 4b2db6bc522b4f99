"""The units of a configuration, and what systemd says of them.

/etc/ctaudit/ctaudit.toml is that of ctaudit.service; any other /etc/ctaudit/NAME.toml is that of
the instance ctaudit@NAME.service.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctaudit.config import DEFAULT_PATH

CLOCK_TIMER, MAINTAIN_TIMER = "ctaudit-clock.timer", "ctaudit-maintain.timer"
MAINTAIN_SERVICE = "ctaudit-maintain.service"
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_PATIENCE = 10.0  # seconds
_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "UnitFileState", "StatusText", "Result", "ExecMainStatus",
    "NetworkNamespacePath", "NextElapseUSecRealtime",
)  # fmt: skip
_OFF = {"disabled", "masked", "masked-runtime"}
_STOPPED = {"inactive", "failed"}
_NEVER = {"", "n/a", "infinity", "0"}


@dataclass(frozen=True)
class Units:
    """``timer``: what stores the scope from time to time, and in the first place the clock."""

    receiver: str = "ctaudit-receiver.service"
    recorder: str = "ctaudit.service"
    scope: str = "ctaudit-scope.service"
    timer: str = CLOCK_TIMER
    forwarder: str = "ctaudit-forward.service"


@dataclass(frozen=True)
class UnitState:
    """systemctl show, without what was not asked; "" where systemd says nothing.

    ``status``: what the service said last; ``exit_status``: of its last process; ``elapses``: a
    timer has a next time; ``namespace``: NetworkNamespacePath=.
    """

    load: str = "loaded"
    active: str = "active"
    enabled: str = "enabled"
    status: str = ""
    result: str = "success"
    exit_status: int = 0
    namespace: str = ""
    elapses: bool = False

    @property
    def is_off(self) -> bool:
        """Not there, or disabled and stopped: nobody wants it to run on this host."""
        return self.load == "not-found" or (self.enabled in _OFF and self.active in _STOPPED)


NOT_FOUND = UnitState("not-found", "inactive", "")
States = Mapping[str, UnitState] | None  # None: systemd does not run here, or does not answer


def get_state(states: States, name: str) -> UnitState | None:
    return None if states is None else states.get(name, NOT_FOUND)


def name_units(path: Path | None) -> Units:
    """Those that run with the configuration ``path``; None: the default one."""
    if path is None or path.parent.resolve() != DEFAULT_PATH.parent or path.stem == "ctaudit":
        return Units()
    name = path.stem
    return Units(
        f"ctaudit-receiver@{name}.service",
        f"ctaudit@{name}.service",
        f"ctaudit-scope@{name}.service",
        f"ctaudit-scope@{name}.timer",
        f"ctaudit-forward@{name}.service",
    )


def read_states(names: Sequence[str]) -> States:
    if not _BOOTED.is_dir():
        return None
    words = ["systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *names]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_PATIENCE, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return dict(parse_states(done.stdout)) if done.returncode == 0 else None


def parse_states(text: str) -> Iterator[tuple[str, UnitState]]:
    """What systemctl show prints: NAME=VALUE lines, an empty line between two units."""
    for block in text.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in values:
            number = values.get("ExecMainStatus", "0")
            yield (
                values["Id"],
                UnitState(
                    load=values.get("LoadState", ""),
                    active=values.get("ActiveState", ""),
                    enabled=values.get("UnitFileState", ""),
                    status=values.get("StatusText", ""),
                    result=values.get("Result", ""),
                    exit_status=int(number) if number.isdigit() else 0,
                    namespace=values.get("NetworkNamespacePath", ""),
                    elapses=values.get("NextElapseUSecRealtime", "") not in _NEVER,
                ),
            )
