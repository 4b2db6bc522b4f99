"""What the tests of the commands ask about, and the commands as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.store.gateway import (
    ASSURED,
    DST_NAT,
    SEEN,
    SRC_NAT,
    Gateway,
    ended,
    nanoseconds,
    opened,
    tuples,
)

SOURCES = Path(__file__).parents[2] / "src"
BASE = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
COVERED = BASE + timedelta(hours=1)
COUNTS = {"orig_packets": 23, "orig_bytes": 5600, "reply_packets": 20, "reply_bytes": 4328}
OUT = SRC_NAT | SEEN | ASSURED


def after(seconds: float) -> datetime:
    return BASE + timedelta(seconds=seconds)


ARTICLE = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    **COUNTS, "proto": 6, "ct_id": 1384991512, "status": OUT, "mark": 42,
}  # fmt: skip
SHARED_A = {
    **tuples("192.168.1.129 1111 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53600"),
    **COUNTS, "proto": 6, "ct_id": 2, "status": OUT,
}  # fmt: skip
SHARED_B = {
    **tuples("192.168.1.131 1111 > 68.232.35.139 443", "68.232.35.139 443 > 1.2.3.4 53600"),
    **COUNTS, "proto": 6, "ct_id": 3, "status": OUT,
}  # fmt: skip
STANDING = {
    **tuples("192.168.1.130 5353 > 19.1.16.7 53", "19.1.16.7 53 > 1.2.3.4 53700"),
    "proto": 17, "ct_id": 4, "status": OUT,
}  # fmt: skip
FORWARDED = {
    **tuples("61.174.51.209 6000 > 1.2.3.4 8443", "192.168.1.130 443 > 61.174.51.209 6000"),
    **COUNTS, "proto": 6, "ct_id": 5, "status": DST_NAT | SEEN | ASSURED,
}  # fmt: skip
SIX = {
    **tuples(
        "2a01:e35:1394:5bd0::66 51162 > 2001:41d0:1:9598::1 22",
        "2001:41d0:1:9598::1 22 > 2001:41d0:1:9598::4 51162",
    ),
    **COUNTS, "proto": 6, "ct_id": 6, "status": OUT,
}  # fmt: skip
ECHO = {
    **tuples("192.168.1.129 4711 > 19.1.16.7", "19.1.16.7 > 1.2.3.4 4712"),
    **COUNTS, "proto": 1, "ct_id": 7, "status": SRC_NAT | SEEN,
    "orig_icmp_type": 8, "orig_icmp_code": 0, "reply_icmp_type": 0, "reply_icmp_code": 0,
}  # fmt: skip
REUSED_A = {
    **tuples("192.168.1.129 2222 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53800"),
    **COUNTS, "proto": 6, "ct_id": 8, "status": OUT,
}  # fmt: skip
REUSED_B = {
    **tuples("192.168.1.131 2222 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53800"),
    **COUNTS, "proto": 6, "ct_id": 9, "status": OUT,
}  # fmt: skip
ACROSS = {
    **tuples("192.168.1.132 3333 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53900"),
    **COUNTS, "proto": 6, "ct_id": 10, "status": OUT,
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*words: str, env: Mapping[str, str] | None = None) -> Done:
    """The command as its own process, without a configuration of this machine's."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), "TZ": "Europe/Berlin"}
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "ctaudit", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment | dict(env or {}),
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def refuse(status: int, *words: str, env: Mapping[str, str] | None = None) -> str:
    """The one sentence that a command is refused with."""
    done = run(*words, env=env)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("ctaudit: ")
    assert done.err.count("\n") == 1
    return done.err.removeprefix("ctaudit: ").rstrip("\n")


def fill_live(dsn: str) -> None:
    gateway = Gateway(dsn, "gw1")
    gateway.listen(after(-600))
    events = [
        opened(ARTICLE, after(0.25)),
        opened(SHARED_A, after(1)),
        opened(SHARED_B, after(2)),
        opened(STANDING, after(3), timed=False),
        opened(FORWARDED, after(4)),
        opened(SIX, after(5)),
        opened(ECHO, after(6)),
        opened(REUSED_A, after(20)),
        ended(REUSED_A, after(20), after(30.2)),
        opened(REUSED_B, after(30.6)),
        ended(REUSED_B, after(30.6), after(60)),
        ended(ARTICLE, after(0.25), after(123.53)),
        ended(SHARED_A, after(1), after(130)),
        ended(SHARED_B, after(2), after(130)),
        ended(FORWARDED, after(4), after(130)),
        ended(SIX, after(5), after(130)),
        ended(ECHO, after(6), after(36)),
        opened(ACROSS, after(990)),
    ]
    gateway.record(events, after(1000))
    gateway.note("overrun", after(1008), {"last_read_at": nanoseconds(after(1000)), "lost": 123})
    gateway.dump(after(1010), [{**STANDING, **COUNTS}, ACROSS])
    gateway.record([ended(ACROSS, after(990), after(1100))], COVERED)
    gateway.close()


def who(dsn: str, public: str, seconds: float, *words: str) -> Done:
    at = after(seconds).isoformat(timespec="seconds" if seconds == int(seconds) else "milliseconds")
    return run("who", public, "--at", at, "--dsn", dsn, *words)
