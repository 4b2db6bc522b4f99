"""docs/from-ulogd.md has every key of ulogd 2.0.8 that a set-up for connections may use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/from-ulogd.md"
LIBRARIES = Path("/usr/lib")

# As `ulogd -i` of Debian's 2.0.8 prints them; of [global] as src/ulogd.c and ulogd(8) have them.
GLOBAL = ("logfile", "plugin", "loglevel", "stack")
SETTINGS: Mapping[str, Sequence[str]] = {
    "NFCT": (
        "pollinterval", "hash_enable", "hash_buckets", "hash_max_entries", "event_mask",
        "netlink_socket_buffer_size", "netlink_socket_buffer_maxsize", "netlink_resync_timeout",
        "reliable", "accept_src_filter", "accept_dst_filter", "accept_proto_filter",
    ),
    "JSON": (
        "file", "sync", "timestamp", "eventv1", "device", "boolean_label", "mode", "host", "port",
    ),
    "LOGEMU": ("file", "sync"),
    "PGSQL": (
        "table", "reconnect", "connect_timeout", "procedure", "backlog_memcap",
        "backlog_oneshot_requests", "ring_buffer_size", "db", "host", "user", "pass", "port",
        "schema", "connstring",
    ),
}  # fmt: skip
EVENT = (
    "orig.ip.saddr", "orig.ip.daddr", "orig.ip.protocol", "orig.l4.sport", "orig.l4.dport",
    "orig.raw.pktlen", "orig.raw.pktcount", "reply.ip.saddr", "reply.ip.daddr",
    "reply.ip.protocol", "reply.l4.sport", "reply.l4.dport", "reply.raw.pktlen",
    "reply.raw.pktcount", "icmp.code", "icmp.type", "ct.mark", "ct.id", "ct.event",
    "flow.start.sec", "flow.start.usec", "flow.end.sec", "flow.end.usec", "oob.family",
    "oob.protocol", "ct",
)  # fmt: skip
HEADINGS = {
    "NFCT": "NFCT, the input", "JSON": "JSON, the output", "LOGEMU": "LOGEMU, the output",
    "PGSQL": "PGSQL and MYSQL, the outputs",
}  # fmt: skip


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of the section's table, without its head."""
    section = re.search(rf"(?ms)^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE.read_text())
    assert section is not None, heading
    lines = re.findall(r"(?m)^\| (.*) \|$", section[1])
    return [line.split(" | ") for line in lines[1:]]


def keys(heading: str) -> tuple[str, ...]:
    return tuple(row[0].strip("`") for row in rows(heading))


@pytest.mark.parametrize("plugin", SETTINGS)
def test_each_setting_is_answered(plugin: str) -> None:
    assert keys(HEADINGS[plugin]) == tuple(SETTINGS[plugin])


def test_each_global_setting_and_each_key_of_an_event_is_answered() -> None:
    assert keys("[global]") == GLOBAL
    assert keys("What NFCT hands on") == EVENT
    assert all(len(row) == 4 and all(row) for row in rows("What NFCT hands on"))


@pytest.mark.parametrize("plugin", SETTINGS)
def test_the_lists_are_the_plugins_own(plugin: str) -> None:
    kind = "inpflow" if plugin == "NFCT" else "output"
    library = next(LIBRARIES.glob(f"*/ulogd/ulogd_{kind}_{plugin}.so"), None)
    if library is None:
        pytest.skip("ulogd2 is not installed")
    said = subprocess.run(
        ["/usr/sbin/ulogd", "-i", library], capture_output=True, text=True, check=True
    ).stdout
    assert tuple(re.findall(r"Var: (\S+) \(", said)) == tuple(SETTINGS[plugin])
    if plugin == "NFCT":
        assert tuple(re.findall(r"Key: (\S+) \(", said)) == EVENT
