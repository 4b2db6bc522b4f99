"""Outputs beside ulogd2, to Debian's rsyslog, and with a collector and a disk that fail."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ctaudit.spool.output_state import OutputState, list_states, write_state
from lab import addresses as a
from lab.accounting import expect_closed_accounting, expect_no_gap, expect_once
from lab.cluster import Cluster
from lab.collector import collecting
from lab.namespaces import Lab
from lab.rig import rigging
from lab.service import started
from lab.traffic import KINDS, make_traffic
from lab.traffic.burst import burst_tuple
from lab.traffic.load import loading
from lab.ulogd import writing_with_ulogd
from lab.witness import delete_all
from tests.markers import torture

# What differs, and is justified in docs/from-ulogd.md.
OURS_ALONE = {"node", "flow.duration.sec", "icmpv6.type", "icmpv6.code"}
CLOCKS = {"timestamp"}
RATE = 5000

Lines = dict[tuple[int, int], dict[str, Any]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def read_json(file: Path) -> Lines:
    """By conntrack id and event."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    events = [line for line in lines if "ct.id" in line]
    found = {(line["ct.id"], line["ct.event"]): line for line in events}
    assert len(found) == len(events)
    return found


def without_time(line: str) -> str:
    """And without the gateway's name, which is the host's for ulogd2."""
    return re.sub(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ ", "", line)


def test_each_connection_is_as_ulogd2_wrote_it(lab: Lab, cluster: Cluster, tmp_path: Path) -> None:
    """Every key of its JSON with its value, and its syslog-like line byte for byte."""
    delete_all(lab)
    tmp_path.chmod(0o755)
    files = {"output.json": tmp_path / "our.json", "output.log": tmp_path / "our.log"}
    settings = {name: f'to = "{file}"' for name, file in files.items()}
    settings["output.log"] += '\nform = "log"'
    with (
        rigging(lab, cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive"),
        started(rig, "forward"),
        writing_with_ulogd(lab, tmp_path) as (their_json, their_log),
    ):
        rig.wait_until_listening()
        for kind in KINDS:
            make_traffic(lab, kind)
        delete_all(lab)
        rig.wait_until_recorded()
        our_json, our_log = files.values()
        ended = rig.count("flow")
        for file in (our_json, their_json):
            rig.wait_until(lambda file=file: count_ends(file) >= ended)  # type: ignore[misc]
        time.sleep(1)
        ours, theirs = read_json(our_json), read_json(their_json)
        our_lines, their_lines = (file.read_text().splitlines() for file in (our_log, their_log))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 2 * len(KINDS)
    different: Counter[str] = Counter()
    for event, line in theirs.items():
        own = ours[event]
        assert set(own) - set(line) <= OURS_ALONE
        assert set(line) <= set(own), event
        clocks = CLOCKS | ({"flow.start.sec", "flow.start.usec"} if event[1] == 1 else set())
        different.update(key for key in line if own[key] != line[key])
        assert {key for key in line if own[key] != line[key]} <= clocks, (line, own)
        if event[1] == 1:
            moments = [
                each["flow.start.sec"] + each["flow.start.usec"] / 1e6 for each in (own, line)
            ]
            assert abs(moments[0] - moments[1]) < 1
    print(dict(different))
    swapped = [swap_icmp(without_time(line)) for line in their_lines]
    assert sorted(map(without_time, our_lines)) == sorted(swapped)


def count_ends(file: Path) -> int:
    return file.exists() and file.read_text().count('"ct.event": 4')


def swap_icmp(line: str) -> str:
    return re.sub(r"TYPE=(\d+) CODE=(\d+)", r"TYPE=\2 CODE=\1", line)


def test_rsyslog_takes_the_lines(lab: Lab, cluster: Cluster, tmp_path: Path) -> None:
    """And the receiver forgets an output that is no longer configured."""
    delete_all(lab)
    with collecting(tmp_path, free_port()) as collector:
        settings = {
            "output.file": f'to = "{tmp_path}/own"',
            "output.siem": f'to = "tcp:127.0.0.1:{collector.port}"',
        }
        with rigging(lab, cluster, settings=settings) as rig, started(rig, "record"):
            write_state(rig.spool, OutputState("former"))
            with started(rig, "receive"), started(rig, "forward"):
                assert "former" not in {state.name for state in list_states(rig.spool)}
                rig.wait_until_listening()
                for kind in ("tcp-close", "icmp-echo", "dnat-tcp", "tcp6-close"):
                    make_traffic(lab, kind)
                delete_all(lab)
                rig.wait_until_recorded()
                rig.wait_until(lambda: count_ends(tmp_path / "own") == rig.count("flow"))
                own = (tmp_path / "own").read_text()
                rig.wait_until(lambda: collector.file.read_text() == own)


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of its own; its file ``filler`` takes all the room that is left."""
    directory.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128m", "ctaudit-test", directory], check=True
    )
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def fill(directory: Path) -> Path:
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@pytest.mark.timed
@pytest.mark.parametrize("seconds", [6, torture(60)])
def test_a_collector_and_a_disk_that_fail(
    lab: Lab, cluster: Cluster, tmp_path: Path, seconds: int
) -> None:
    """The collector is stopped, the files' disk is full for half of that time, and the forwarder is
    killed in between: the database misses nothing, the file has every line once.
    """
    delete_all(lab)
    with collecting(tmp_path, free_port()) as collector, small_disk(tmp_path / "disk") as disk:
        file = disk / "nfct.json"
        settings = {
            "output.file": f'to = "{file}"\nevents = "destroy"\nform = "log"',
            "output.siem": f'to = "tcp:127.0.0.1:{collector.port}"\nevents = "new"',
        }
        with (
            rigging(lab, cluster, settings=settings) as rig,
            started(rig, "record"),
            started(rig, "receive"),
            started(rig, "forward") as forwarder,
        ):
            rig.wait_until_listening()
            with loading(lab, (seconds + 2) * RATE, rate=RATE) as load:
                time.sleep(1)
                collector.stop()
                filler = fill(disk)
                time.sleep(seconds / 2)
                faults = {state.name: state.fault for state in list_states(rig.spool)}
                filler.unlink()
                forwarder.kill()
                forwarder.start()
                time.sleep(seconds / 2)
                collector.start()
                load.wait()
            rig.wait_until_recorded(patience=60 + seconds)
            expect_once(rig, load.indexes)
            expect_no_gap(rig)
            expect_closed_accounting(rig)
            wanted = Counter(burst_tuple(index) for index in load.indexes)
            rig.wait_until(lambda: count_lines(file) >= len(wanted), 60 + seconds)
            assert Counter(map(tuple_of, file.read_text().splitlines())) == wanted
            rig.wait_until(lambda: count_lines(collector.file) >= len(wanted), 60 + seconds)
            rig.wait_until(lambda: collected(collector.file) >= set(wanted), 60)
            print(f"{count_lines(collector.file) - len(wanted)} lines twice; {faults}")
    assert faults["file"] == f"{file}: No space left on device"
    assert faults["siem"]


def count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def tuple_of(line: str) -> tuple[str, int, int]:
    found = re.search(r"ORIG: SRC=(\S+) DST=\S+ PROTO=UDP SPT=(\d+) DPT=(\d+) ", line)
    assert found is not None, line
    return found[1], int(found[2]), int(found[3])


def collected(file: Path) -> set[tuple[str, int, int]]:
    lines = map(json.loads, file.read_text().splitlines())
    return {
        (line["src_ip"], line["orig.l4.sport"], line["orig.l4.dport"])
        for line in lines
        if line.get("dest_ip") == a.SERVER
    }
