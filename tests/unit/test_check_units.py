"""check: what systemd says of services and timers, and what that is worth."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from ctaudit.admin.check import is_database_host
from ctaudit.admin.check_units import (
    Service,
    judge_maintenance,
    judge_scope_service,
    judge_service,
    judge_timer,
)
from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.units import NOT_FOUND, Units, UnitState, name_units, parse_states

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT
SPOOL = Path("/x")
TODAY = date(2026, 2, 22)
RUNNING = UnitState(elapses=True)
SHOWN = """\
Id=ctaudit.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
StatusText=database unreachable: a = b
Result=success
ExecMainStatus=0
NetworkNamespacePath=/run/netns/gw2

Id=ctaudit-clock.timer
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NextElapseUSecRealtime=Thu 2026-11-26 13:13:00 UTC

Id=ctaudit-receiver.service
LoadState=loaded
ActiveState=activating
Result=exit-code
ExecMainStatus=217
"""


def service(state: UnitState | None, process: int | None = None) -> Finding:
    return judge_service(Service("recorder", "ctaudit.service", process, state), SPOOL, 0)


def test_what_systemctl_prints() -> None:
    states = dict(parse_states(SHOWN))
    assert states["ctaudit.service"] == UnitState(
        status="database unreachable: a = b", namespace="/run/netns/gw2"
    )
    assert states["ctaudit-clock.timer"].elapses
    assert states["ctaudit-receiver.service"].exit_status == 217
    assert dict(parse_states("")) == {}


@pytest.mark.parametrize("never", ["", "n/a", "infinity"])
def test_a_timer_without_a_next_time(never: str) -> None:
    ((_, state),) = parse_states(f"Id=a.timer\nActiveState=active\nNextElapseUSecRealtime={never}")
    assert not state.elapses


@pytest.mark.parametrize(
    ("path", "recorder"),
    [
        (None, "ctaudit.service"),
        ("/etc/ctaudit/ctaudit.toml", "ctaudit.service"),
        ("/etc/ctaudit/gw2.toml", "ctaudit@gw2.service"),
        ("/srv/gw2.toml", "ctaudit.service"),
    ],
)
def test_units_of_a_configuration(path: str | None, recorder: str) -> None:
    assert name_units(Path(path) if path else None).recorder == recorder


@pytest.mark.parametrize(
    ("finding", "level", "words"),
    [
        (service(None, 12), GOOD, "running on /x, process 12"),
        (service(UnitState(status="recording"), 12), GOOD, "running on /x, process 12"),
        (service(UnitState(status=""), 12), GOOD, "running on /x, process 12"),
        (service(UnitState(status="login refused: no"), 12), UNFIT, "process 12: login refused"),
        (service(None, 0), WARNING, "cannot be checked as this user"),
        (service(None, None), UNFIT, "not running"),
        (service(UnitState(status="not at work: x"), None), UNFIT, "not at work: x"),
        # What a unit said before it was stopped.
        (service(UnitState(active="inactive", status="recording")), UNFIT, "not running"),
        (
            service(UnitState(active="activating", exit_status=217)),
            UNFIT,
            "user namespace of its sandbox (217/USER), since user.max_user_namespaces = 0",
        ),
        (
            service(UnitState(active="activating", exit_status=226)),
            UNFIT,
            "not running: systemd cannot make the mount namespace of its sandbox (226/NAMESPACE)",
        ),
        (
            service(UnitState(active="failed", exit_status=225, namespace="/run/netns/gw2")),
            UNFIT,
            "not running: systemd cannot enter /run/netns/gw2 (225/NETWORK)",
        ),
        (judge_timer("a.timer", RUNNING), GOOD, "a.timer is active"),
        (judge_timer("a.timer", UnitState()), WARNING, "a.timer is active without a next time"),
        (judge_timer("a.timer", UnitState(active="inactive")), WARNING, "a.timer is inactive"),
        (judge_timer("a.timer", NOT_FOUND), WARNING, "a.timer is not installed"),
    ],
    ids=lambda value: value.found if isinstance(value, Finding) else "",
)
def test_level(finding: Finding, level: Level, words: str) -> None:
    assert (finding.level, words in finding.found) == (level, True), finding
    assert bool(finding.remedy) == (level is not GOOD)


def test_the_remedy_for_a_sandbox_is_an_example_that_is_there() -> None:
    finding = service(UnitState(active="activating", exit_status=217))
    assert finding.remedy.startswith(
        "install -D -m 644 /usr/share/doc/ctaudit/examples/no-user-namespaces.conf "
        "/etc/systemd/system/ctaudit.service.d/no-user-namespaces.conf && "
    )
    examples = Path(__file__).parents[2] / "packaging/examples"
    assert (examples / "no-user-namespaces.conf").is_file()
    assert (examples / "no-namespaces.conf").is_file()


def test_scope_service() -> None:
    assert list(judge_scope_service("s", UnitState())) == []
    (finding,) = judge_scope_service("s", UnitState(result="exit-code"))
    assert finding.level is WARNING


@pytest.mark.parametrize(
    ("elsewhere", "timer", "ahead", "level", "words"),
    [
        (None, RUNNING, 7, GOOD, "ctaudit-maintain.timer is active; last run on 2026-02-22"),
        (None, RUNNING, None, GOOD, "it has never made a partition"),
        (None, UnitState(active="inactive"), 7, WARNING, "is inactive; last run on 2026-02-22"),
        (None, NOT_FOUND, 7, WARNING, "not installed"),
        (None, None, 7, GOOD, "no systemd here"),
        (None, None, 4, WARNING, "last run on 2026-02-19"),
        ("db.example", NOT_FOUND, 6, GOOD, "not this host's; in the database of db.example: last"),
        ("db.example", RUNNING, 3, WARNING, "last run on 2026-02-18"),
        ("db.example", RUNNING, None, WARNING, "never"),
    ],
)
def test_who_runs_the_maintenance(
    elsewhere: str | None, timer: UnitState | None, ahead: int | None, level: Level, words: str
) -> None:
    until = None if ahead is None else TODAY + timedelta(days=ahead)
    finding = judge_maintenance(elsewhere, timer, until, TODAY)
    assert (finding.level, words in finding.found) == (level, True), finding
    if elsewhere and level is WARNING:
        assert finding.remedy.startswith("on db.example: ")


OFF = UnitState(active="inactive", enabled="disabled")


@pytest.mark.parametrize(
    ("receiver", "recorder", "is_one"),
    [
        (OFF, OFF, True),
        (NOT_FOUND, NOT_FOUND, True),
        (UnitState(active="inactive", enabled="masked"), OFF, True),
        (UnitState(active="active", enabled="disabled"), OFF, False),
        (UnitState(active="activating", enabled="disabled"), OFF, False),
        (UnitState(active="inactive", enabled="enabled"), OFF, False),
        (OFF, UnitState(), False),
    ],
)
def test_a_database_host(receiver: UnitState, recorder: UnitState, is_one: bool) -> None:
    units = Units()
    states = {units.receiver: receiver, units.recorder: recorder}
    assert is_database_host(units, states) is is_one
    assert not is_database_host(units, None)
