"""Answers and coverage as the store would return them, and a local time zone for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from ctaudit.query.answer import Answer, Coverage

START = datetime(2026, 2, 22, 11, 59, 34, 123456, tzinfo=UTC)
END = START + timedelta(minutes=2, seconds=3, milliseconds=280)

OUTWARD = Answer(
    node="gw1",
    direction="outward",
    state="ended",
    exact=True,
    host=ip_address("192.168.1.129"),
    host_port=53400,
    remote=ip_address("19.1.16.7"),
    remote_port=443,
    started_at=START,
    started_source="kernel",
    started_after=None,
    ended_at=END,
    ended_source="kernel",
    ended_after=None,
    ended_before=None,
    ended_cause=None,
    last_seen_at=None,
    provenance="event",
    zone=0,
    orig_zone=None,
    reply_zone=None,
    proto=6,
    orig_src=ip_address("192.168.1.129"),
    orig_dst=ip_address("19.1.16.7"),
    orig_sport=53400,
    orig_dport=443,
    reply_src=ip_address("19.1.16.7"),
    reply_dst=ip_address("1.2.3.4"),
    reply_sport=443,
    reply_dport=53500,
    orig_icmp_type=None,
    orig_icmp_code=None,
    reply_icmp_type=None,
    reply_icmp_code=None,
    orig_packets=23,
    orig_bytes=5600,
    reply_packets=20,
    reply_bytes=4328,
    ct_id=1384991512,
    mark=None,
    status=0x1E,
    protocol_state=7,
    helper=None,
    labels=None,
    counters="exact",
    counters_cause=None,
    idle_since=None,
)

INWARD = replace(
    OUTWARD,
    direction="inward",
    host=ip_address("192.168.1.130"),
    host_port=443,
    remote=ip_address("61.174.51.209"),
    remote_port=6000,
    orig_src=ip_address("61.174.51.209"),
    orig_dst=ip_address("1.2.3.4"),
    orig_sport=6000,
    orig_dport=8443,
    reply_src=ip_address("192.168.1.130"),
    reply_dst=ip_address("61.174.51.209"),
    reply_sport=443,
    reply_dport=6000,
    status=0x2E,
)

ECHO = replace(
    OUTWARD,
    proto=1,
    host_port=4711,
    remote_port=None,
    orig_sport=4711,
    orig_dport=None,
    reply_sport=None,
    reply_dport=4711,
    orig_icmp_type=8,
    orig_icmp_code=0,
    reply_icmp_type=0,
    reply_icmp_code=0,
    protocol_state=None,
)

# The article's JSON example: IPv6, not translated.
ARTICLE6 = replace(
    OUTWARD,
    host=ip_address("2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250"),
    host_port=51384,
    remote=ip_address("2001:41d0:1:9598::1"),
    remote_port=22,
    started_at=datetime(2014, 2, 22, 11, 25, 2, 637516, tzinfo=UTC),
    ended_at=datetime(2014, 2, 22, 11, 27, 4, 403240, tzinfo=UTC),
    orig_src=ip_address("2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250"),
    orig_dst=ip_address("2001:41d0:1:9598::1"),
    orig_sport=51384,
    orig_dport=22,
    reply_src=ip_address("2001:41d0:1:9598::1"),
    reply_dst=ip_address("2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250"),
    reply_sport=22,
    reply_dport=51384,
    status=0xE,
)

OPEN = replace(
    OUTWARD,
    state="open",
    ended_at=None,
    ended_source=None,
    orig_packets=None,
    orig_bytes=None,
    reply_packets=None,
    reply_bytes=None,
)

COMPLETE = Coverage("gw1", True, None, START - timedelta(days=1), END + timedelta(days=1))
WHY = "gw1: gap (overrun) from 2026-02-22 11:59:30.5+00 until 2026-02-22 17:29:40+05:30, 123 lost"
OVERRUN = replace(COMPLETE, complete=False, why=WHY)
WHY_UDP = (
    "gw1: gap (clashes) of udp from 2026-02-22 11:59:42+00 until 2026-02-22 12:01:43+00, 2 lost"
)
CLASHED = replace(COMPLETE, complete=False, why=WHY_UDP, protocols=[17])


def other(**changes: Any) -> Answer:
    """A second candidate for the same public end: another host's."""
    return replace(
        OUTWARD,
        **{
            "host": ip_address("192.168.1.131"),
            "orig_src": ip_address("192.168.1.131"),
            "remote": ip_address("68.232.35.139"),
            "orig_dst": ip_address("68.232.35.139"),
            "reply_src": ip_address("68.232.35.139"),
            **changes,
        },
    )


@contextmanager
def local_zone(name: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
