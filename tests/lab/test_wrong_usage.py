"""What keeps the two services from their work: one sentence, and its exit status."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from lab.cluster import Cluster
from lab.namespaces import Lab, run_in
from lab.rig import COMMAND, Rig, environment, rigging
from lab.service import started

UNPRIVILEGED = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")


@pytest.fixture(scope="module")
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    with rigging(lab, cluster) as made:
        yield made


def sentence(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The one that the command ended with."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("ctaudit: ")
    return last.removeprefix("ctaudit: ")


def receive(rig: Rig, *prefix: str) -> subprocess.CompletedProcess[str]:
    """``ctaudit receive`` in the gateway's namespace, run by ``prefix``; it must end by itself."""
    argv = [*prefix, *COMMAND, "receive", "--config", str(rig.config)]
    return run_in(
        rig.lab.gateway, argv, env=environment(), text=True, capture_output=True, timeout=20
    )


def record(rig: Rig, *words: str) -> subprocess.CompletedProcess[str]:
    return rig.run("record", "--config", str(rig.config), *words, timeout=20)


def test_receive_without_the_capability(rig: Rig) -> None:
    done = receive(rig, *UNPRIVILEGED)
    assert done.stderr.count("\n") == 1
    assert "CAP_NET_ADMIN" in sentence(done, 7)


def test_a_second_receiver_on_the_spool(rig: Rig) -> None:
    with started(rig, "receive") as first:
        done = receive(rig)
        assert done.stderr.count("\n") == 1
        said = sentence(done, 2)
        assert str(rig.spool) in said and "another receiver" in said
        assert first.is_running


def test_a_second_recorder_on_the_spool(rig: Rig) -> None:
    with started(rig, "record") as first:
        said = sentence(record(rig), 2)
        assert str(rig.spool) in said and "another recorder" in said
        assert first.is_running


def test_no_room_in_the_spool(lab: Lab, cluster: Cluster) -> None:
    """A file system of 64 KiB, mounted for this receiver alone."""
    with rigging(lab, cluster) as rig:
        rig.spool.mkdir()
        mount = f'mount -t tmpfs -o size=64k none {rig.spool} && exec "$@"'
        said = sentence(receive(rig, "sh", "-ec", mount, "sh"), 8)
        assert str(rig.spool) in said and "No space left" in said
        assert "spool.segment_bytes" in said
        assert list(rig.spool.iterdir()) == []


def test_no_schema(rig: Rig) -> None:
    rig.cluster.create_database("empty")
    dsn = rig.cluster.dsn("empty", "lab_recorder")
    said = sentence(record(rig, "--dsn", dsn), 6)
    assert "no ctaudit schema" in said and "ctaudit schema install" in said


@pytest.mark.parametrize(
    ("change", "way_out"),
    [
        ("DELETE FROM ctaudit.migration", "ctaudit schema upgrade"),
        ("INSERT INTO ctaudit.migration VALUES (999, 'later', 999)", "upgrade ctaudit"),
    ],
)
def test_a_schema_of_another_version(lab: Lab, cluster: Cluster, change: str, way_out: str) -> None:
    with rigging(lab, cluster) as rig:
        rig.execute(change)
        said = sentence(record(rig), 6)
        assert rig.database in said and way_out in said


def test_a_replay_without_a_database(rig: Rig) -> None:
    with started(rig, "receive"):
        pass
    segment = next(rig.spool.glob("*.segment"))
    dsn = rig.cluster.dsn("nowhere", "lab_recorder")
    said = sentence(record(rig, "--replay", str(segment), "--dsn", dsn), 5)
    assert "nowhere" in said


@pytest.mark.parametrize("command", ["receive", "record"])
def test_a_wrong_configuration(rig: Rig, command: str) -> None:
    wrong = rig.directory / "wrong.toml"
    wrong.write_text(f'{rig.config.read_text()}\n[socket]\nrecieve_buffer = "1MiB"\n')
    done = rig.run(command, "--config", str(wrong))
    assert done.stderr.count("\n") == 1
    assert "socket.recieve_buffer: unknown key" in sentence(done, 2)
