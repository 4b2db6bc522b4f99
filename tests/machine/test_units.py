"""The two services as their units run them: ready, recording, and shut in."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from ctaudit.host.log import MESSAGE_IDS
from lab import addresses
from lab.machines.gateway import RECEIVER, RECORDER, BootedGateway
from lab.machines.sandbox import (
    SERVICES,
    expect_low_exposure,
    expect_own_user,
    expect_receiver_confined,
    expect_recorder_confined,
)


@pytest.mark.parametrize(("unit", "user", "capabilities"), SERVICES)
def test_service_is_ready_as_its_own_user(
    booted: BootedGateway, unit: str, user: str, capabilities: int
) -> None:
    expect_own_user(booted, unit, user, capabilities)


def test_socket_is_in_the_store(booted: BootedGateway) -> None:
    assert booted.machine.show(RECEIVER, "NFileDescriptorStore") == "1"


@pytest.mark.parametrize("unit", [RECEIVER, RECORDER])
def test_exposure_is_low(booted: BootedGateway, unit: str) -> None:
    expect_low_exposure(booted, unit)


def test_receiver_hears_conntrack_and_no_internet(booted: BootedGateway) -> None:
    expect_receiver_confined(booted)


def test_recorder_reaches_the_database_and_no_conntrack(booted: BootedGateway) -> None:
    expect_recorder_confined(booted)


def test_connection_is_found_with_who_and_in_the_journal(gateway: BootedGateway) -> None:
    time.sleep(1.1 - time.time() % 1)
    gateway.traffic("article")
    gateway.wait_until(lambda: bool(gateway.query("SELECT FROM ctaudit.opening")))
    started = gateway.query("SELECT started_at FROM ctaudit.opening")[0]["started_at"]
    second = datetime.fromisoformat(started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    public = f"{addresses.GATEWAY}:{addresses.ARTICLE_NAT_SPORT}"
    time.sleep(2)  # until that second is over and covered
    answer = gateway.ctaudit("who", public, "--at", second, "--to", f"{addresses.SERVER}:443")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{addresses.CLIENT}:{addresses.ARTICLE_SPORT}" in answer.stdout

    [entry] = [
        line
        for line in gateway.journal("-u", RECORDER, f"MESSAGE_ID={MESSAGE_IDS['event']}")
        if line["CT_EVENT"] == "NEW"
    ]
    assert entry["CT_ORIG_SRC"] == addresses.CLIENT
    assert entry["CT_ORIG_SPORT"] == str(addresses.ARTICLE_SPORT)
    assert entry["CT_REPLY_DST"] == addresses.GATEWAY
    assert entry["CT_REPLY_DPORT"] == str(addresses.ARTICLE_NAT_SPORT)
    assert public in entry["MESSAGE"]
    # As who names them, and journalctl finds them by.
    asked = f"CT_HOST={addresses.CLIENT}", "CT_REMOTE_PORT=443"
    found = gateway.journal("-u", RECORDER, *asked)
    assert {line["CT_ORIG_SPORT"] for line in found} == {str(addresses.ARTICLE_SPORT)}
    assert entry["CT_PUBLIC_PORT"] == str(addresses.ARTICLE_NAT_SPORT)
    assert not gateway.journal("-u", RECORDER, *asked, "CT_PUBLIC_PORT=1")
    assert entry["SYSLOG_IDENTIFIER"] == "ctaudit"
    assert entry["_SYSTEMD_UNIT"] == RECORDER
