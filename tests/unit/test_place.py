"""The receiver's network namespace, and the commands that act there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ctaudit.admin.check_kernel import judge_sysctls, judge_table
from ctaudit.admin.check_surroundings import judge_legacy_tables
from ctaudit.admin.finding import Level
from ctaudit.admin.place import HERE, find_place, judge_absent_network, name_place
from ctaudit.admin.units import UnitState

NAMED = name_place(Path("/run/netns/gw2"))


def test_remedies_act_in_the_namespace() -> None:
    off = {"nf_conntrack_events": 0, "nf_conntrack_timestamp": 1, "nf_conntrack_acct": 1}
    (events, *_) = judge_sysctls("live", off, NAMED)
    assert events.remedy == (
        "ip netns exec gw2 sysctl -w net.netfilter.nf_conntrack_events=1, and to keep it "
        "ExecStartPre=+/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter in the drop-in of "
        "the receiver's unit that names /run/netns/gw2"
    )
    (events, *_) = judge_sysctls("live", off)
    assert events.remedy.startswith("sysctl -w net.netfilter.nf_conntrack_events=1, and the same")
    assert "ip netns exec gw2 nft list ruleset" in judge_table(0, 10, NAMED).remedy
    assert "of the host" in judge_table(10, 10, NAMED).remedy
    (legacy,) = judge_legacy_tables({"IPv4": ["nat"]}, NAMED)
    assert "ip netns exec gw2 iptables-legacy-save" in legacy.remedy


def test_a_namespace_without_a_name_is_entered_by_its_file() -> None:
    assert name_place(Path("/proc/7/ns/net")).enter == "nsenter --net=/proc/7/ns/net "


def test_where_the_receiver_is() -> None:
    assert find_place(None, None) == HERE
    assert find_place(os.getpid(), UnitState()) == HERE
    own = UnitState(namespace="/proc/self/ns/net")
    assert find_place(None, own) == HERE
    # It does not run and its namespace does not exist: named all the same, and found absent.
    absent = find_place(None, UnitState(namespace="/run/netns/no-such"))
    assert absent.namespace == Path("/run/netns/no-such")


@pytest.mark.parametrize(
    ("number", "level"), [(errno.ENOENT, Level.UNFIT), (errno.EPERM, Level.WARNING)]
)
def test_a_namespace_that_cannot_be_entered(number: int, level: Level) -> None:
    error = OSError(number, os.strerror(number))
    finding = judge_absent_network(NAMED, "ctaudit-receiver.service", error)
    assert finding.level is level
    assert finding.found.startswith("/run/netns/gw2: ")
    assert finding.remedy
