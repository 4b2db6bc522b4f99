"""check: the services and timers, and whose work the daily maintenance is.

The judge_ functions are pure: they take what was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.units import MAINTAIN_SERVICE, MAINTAIN_TIMER, UnitState
from ctaudit.database.maintenance import DAYS_AHEAD

_NOT_SEEN, _RUN_AS_ROOT = "cannot be checked as this user", "run as root"
_EXAMPLES = "/usr/share/doc/ctaudit/examples"
# Statuses that systemd gives where the unit's sandbox cannot be made, systemd.exec(5).
_SANDBOX = {
    217: ("217/USER", "user namespace", "no-user-namespaces.conf"),
    226: ("226/NAMESPACE", "mount namespace", "no-namespaces.conf"),
}
_NETWORK = 225
_AT_WORK = ("receiving", "recording", "forwarding")
_MOST_DAYS_SINCE = 2


@dataclass(frozen=True)
class Service:
    """``process`` holds the spool's lock; None: none does, 0: it cannot be seen.

    ``state``: None where there is no systemd.
    """

    name: str
    unit: str
    process: int | None
    state: UnitState | None = None


def judge_service(service: Service, directory: Path, most_user_namespaces: int | None) -> Finding:
    """``most_user_namespaces``: user.max_user_namespaces; None: it cannot be read."""
    name, unit, state = service.name, service.unit, service.state
    if service.process == 0:
        return make_finding(name, _NOT_SEEN, good=False, wanted="running", remedy=_RUN_AS_ROOT)
    remedy = f"systemctl enable --now {unit}; the reason is in journalctl -xu {unit}"
    said = state.status if state and state.active == "active" else ""
    if service.process:
        is_good = said.startswith(_AT_WORK) if said else True
        return make_finding(
            name,
            f"running on {directory}, process {service.process}" + ("" if is_good else f": {said}"),
            good=is_good,
            remedy=f"the sentence says what is wrong; more in journalctl -xu {unit}",
            level=Level.UNFIT,
        )
    if said.startswith(_AT_WORK):
        return make_finding(
            name,
            f"not on {directory}, though {unit} says: {said}",
            good=False,
            wanted=f"running on {directory}",
            remedy=f"systemctl restart {unit}, since the configuration is another one by now",
            level=Level.UNFIT,
        )
    if said:
        remedy = f"it tries again by itself within a minute, or at once: systemctl restart {unit}"
        return make_finding(name, said, good=False, remedy=remedy, level=Level.UNFIT)
    if state and state.exit_status in _SANDBOX and state.active != "active":
        return _judge_sandbox(service, state, most_user_namespaces)
    if state and state.exit_status == _NETWORK and state.namespace:
        return make_finding(
            name,
            f"not running: systemd cannot enter {state.namespace} (225/NETWORK)",
            good=False,
            remedy=f"make that network namespace before {unit} starts, or correct "
            "NetworkNamespacePath= in its drop-in",
            level=Level.UNFIT,
        )
    return make_finding(name, "not running", good=False, remedy=remedy, level=Level.UNFIT)


def _judge_sandbox(service: Service, state: UnitState, most_user_namespaces: int | None) -> Finding:
    status, what, example = _SANDBOX[state.exit_status]
    why = ""
    if most_user_namespaces == 0 and state.exit_status == 217:
        why = ", since user.max_user_namespaces = 0"
    return make_finding(
        service.name,
        f"not running: systemd cannot make the {what} of its sandbox ({status}){why}",
        good=False,
        remedy=f"install -D -m 644 {_EXAMPLES}/{example} "
        f"/etc/systemd/system/{service.unit}.d/{example} && systemctl daemon-reload && "
        f"systemctl restart {service.unit}; docs/install.md, Containers and hardened hosts",
        level=Level.UNFIT,
    )


def judge_timer(unit: str, timer: UnitState) -> Finding:
    """The timer that stores what the receiver may not ask: the clock's state and the scope."""
    return make_finding(
        "timer",
        f"{unit} is {_describe_timer(timer)}",
        good=_runs(timer),
        wanted="active, with a next time",
        remedy=f"systemctl enable --now {unit}",
    )


def judge_scope_service(unit: str, service: UnitState) -> Iterator[Finding]:
    """A finding only where its last run failed."""
    if service.result not in ("", "success"):
        yield Finding(
            "scope service",
            Level.WARNING,
            f"the last run of {unit} failed ({service.result})",
            "the gateway's addresses, for answers",
            f"the reason is in journalctl -xu {unit}",
        )


def judge_maintenance(
    elsewhere: str | None,
    timer: UnitState | None,
    until: date | None,
    today: date,
    result: str = "",
) -> Finding:
    """Who runs ``maintain``, which drops what is past retention and makes partitions.

    ``elsewhere``: the database's host, None: it is this one; ``until``: the last day that has a
    partition, from which the last run is known; ``result``: of the service's last run here.
    """
    last = None if until is None else until - timedelta(days=DAYS_AHEAD)
    known = "it has never made a partition" if last is None else f"last run on {last} at the latest"
    is_recent = last is not None and today - last <= timedelta(days=_MOST_DAYS_SINCE)
    if elsewhere is not None:
        return make_finding(
            "maintenance",
            f"not this host's; in the database of {elsewhere}: {known}",
            good=is_recent,
            wanted="one run a day",
            remedy=f"on {elsewhere}: systemctl enable --now {MAINTAIN_TIMER}; for a managed "
            "database, ctaudit maintain --dsn DSN once a day with a login that is a member of "
            "ctaudit_maintainer",
        )
    if timer is None:
        return make_finding(
            "maintenance",
            f"no systemd here; {known}",
            good=is_recent,
            wanted="one run a day",
            remedy="run ctaudit maintain once a day",
        )
    has_failed = result not in ("", "success")
    failure = f"; the last run of {MAINTAIN_SERVICE} failed ({result})" if has_failed else ""
    return make_finding(
        "maintenance",
        f"{MAINTAIN_TIMER} is {_describe_timer(timer)}; {known}{failure}",
        good=_runs(timer) and is_recent and not has_failed,
        wanted="one run a day that ends well" if _runs(timer) else "active, with a next time",
        remedy=f"systemctl start {MAINTAIN_SERVICE}; the reason is in journalctl -u "
        f"{MAINTAIN_SERVICE}"
        if _runs(timer)
        else f"systemctl enable --now {MAINTAIN_TIMER}",
    )


def _runs(timer: UnitState) -> bool:
    return timer.active == "active" and timer.elapses


def _describe_timer(timer: UnitState) -> str:
    if timer.load == "not-found":
        return "not installed"
    if timer.active == "active" and not timer.elapses:
        return "active without a next time"
    return timer.active or "unknown"
