"""The network namespace that a gateway's receiver listens in, and how a person acts there."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.units import UnitState
from ctaudit.host.privileges import is_own_network, is_root, network_of

# What ip(8) knows by name.
_NAMED = (Path("/run/netns"), Path("/var/run/netns"))
_SET_AT_START = "ExecStartPre=+/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"


@dataclass(frozen=True)
class Place:
    """``namespace``: None: the caller's own; ``enter``: words before a command that acts there.

    ``keep``: how a setting of the kernel stays set there.
    """

    namespace: Path | None = None
    enter: str = ""
    keep: str = "the same in /etc/sysctl.d"


HERE = Place()


def name_place(namespace: Path) -> Place:
    """That of a network namespace which is not the caller's."""
    if namespace.parent in _NAMED:
        enter = f"ip netns exec {namespace.name} "
    else:
        enter = f"nsenter --net={namespace} "
    keep = (
        f"to keep it {_SET_AT_START} in the drop-in of the receiver's unit that names {namespace}"
    )
    return Place(namespace, enter, keep)


def find_place(receiver: int | None, state: UnitState | None) -> Place:
    """Where the receiver is or, if it does not run, where its unit would start it.

    By the unit's name of the namespace if both are the same. Only root may enter another one.
    """
    named = Path(state.namespace) if state and state.namespace else None
    try:
        if receiver and is_root():
            running = network_of(receiver)
            if is_own_network(running):
                return HERE
            is_named = named is not None and named.stat().st_ino == running.stat().st_ino
            return name_place(named if named is not None and is_named else running)
        return HERE if named is None or is_own_network(named) else name_place(named)
    except OSError:
        return HERE if named is None else name_place(named)


def judge_absent_network(place: Place, unit: str, error: OSError) -> Finding:
    """A namespace that cannot be entered: nothing in it can be checked."""
    is_refused = error.errno in (errno.EPERM, errno.EACCES)
    return Finding(
        "network namespace",
        Level.WARNING if is_refused else Level.UNFIT,
        f"{place.namespace}: {error.strerror}",
        f"the network namespace of {unit}",
        "run as root"
        if is_refused
        else f"make it before {unit} starts, or correct NetworkNamespacePath= in its drop-in",
    )
