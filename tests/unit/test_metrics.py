"""metrics: what is read on a gateway without its database, and how the file is replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctaudit.admin import metrics
from ctaudit.admin.metrics import read_metrics, write_whole
from ctaudit.admin.units import UnitState
from ctaudit.cli import main
from ctaudit.config import Config, SpoolSection
from ctaudit.errors import OutputError
from ctaudit.spool.backlog import read_spool
from ctaudit.spool.lag import open_lag
from ctaudit.spool.segment import Word, list_segments, opened_segment
from ctaudit.spool.writer import SpoolWriter
from tests.unit.fake_source import FakeClock
from tests.unit.streams import make_segment

NOWHERE = "host=/nonexistent dbname=ctaudit"
BODY = bytes.fromhex("10000000010100000000000000000000")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    """A gateway with a stream of some bytes."""
    made = Config(node="gw1", spool=SpoolSection(tmp_path / "spool", segment_bytes=256 << 10))
    made.spool.directory.mkdir()
    writer = SpoolWriter(made, FakeClock())
    writer.begin_stream()
    writer.append_note("start", mode="live")
    yield made
    writer.close()


def test_a_gateway_speaks_without_its_database(config: Config) -> None:
    """That is when it matters."""
    open_lag(config.spool.directory).add(3, 0.2)
    readings, remarks = read_metrics(config, None, NOWHERE)
    assert readings.up["spool"]
    assert not readings.up["database"]
    assert readings.spool is not None
    assert readings.spool.waiting == readings.spool.received > 0
    assert readings.lag is not None
    assert sum(readings.lag.counts) == 3
    assert readings.nodes == ()
    [sentence] = [remark for remark in remarks if "database" in remark]
    assert sentence.startswith("no metrics of the database: cannot connect to PostgreSQL")


def test_a_host_that_is_no_gateway_has_no_spool(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = UnitState(active="inactive", enabled="disabled")
    monkeypatch.setattr(metrics, "read_states", lambda names: dict.fromkeys(names, off))
    assert read_metrics(config, None, NOWHERE)[0].up == {"database": False}
    bare = Config(node="gw1", spool=SpoolSection(tmp_path / "missing"))
    monkeypatch.setattr(metrics, "read_states", lambda _: None)
    assert read_metrics(bare, None, NOWHERE)[0].up == {"database": False}


def test_a_spool_is_measured(tmp_path: Path) -> None:
    """The second segment waits in part: 16 of its 2 frames' bytes."""
    assert read_spool(tmp_path) is None
    first = make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True)
    second = make_segment(tmp_path, 2, base=first.end, bodies=(BODY, BODY))
    first.commit(first.end)
    second.commit(second.end // 2)
    second.words[Word.DROPPED] = 4
    second.words[Word.KERNEL_DROPS] = 6
    second.words[Word.LOOKED] = 1_500_000_000
    (tmp_path / "000000000009.damaged").touch()
    (tmp_path / "000000000008.foreign-17").touch()
    found = read_spool(tmp_path)
    assert found is not None
    assert (found.files, found.kept, found.dropped, found.kernel_drops) == (2, 2, 4, 6)
    assert found.waiting == second.end - second.end // 2
    assert found.received == first.end + second.end
    assert found.used == sum(path.stat().st_size for _, path in list_segments(tmp_path))
    assert found.looked == 1.5
    # These frames were received in 1970.
    assert found.oldest > 1e9
    second.commit(second.end)
    found = read_spool(tmp_path)
    assert found is not None
    assert (found.waiting, found.oldest) == (0, 0.0)
    first.close()
    second.close()


def test_what_cannot_be_read_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(directory: Path) -> None:
        raise PermissionError(13, "Permission denied", str(directory))

    monkeypatch.setattr(metrics, "read_spool", refuse)
    readings, remarks = read_metrics(config, None, NOWHERE)
    assert not readings.up["spool"]
    assert f"no metrics of the spool: {config.spool.directory}: Permission denied" in remarks


def test_the_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "ctaudit.prom"
    path.write_bytes(b"old")
    before = path.stat().st_ino
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["ctaudit.prom"]  # noqa: PTH208


def test_where_it_cannot_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "ctaudit.prom").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "ctaudit.prom", b"new")
    assert os.listdir(tmp_path) == ["ctaudit.prom"]  # noqa: PTH208


def test_without_the_library_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ctaudit.admin.metrics_text", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert main(["metrics"]) == 2
    said = "metrics needs the client library of Prometheus: apt install python3-prometheus-client"
    assert capsys.readouterr() == ("", f"ctaudit: {said}\n")


def test_the_segments_are_not_changed(config: Config) -> None:
    def read_all() -> list[bytes]:
        return [path.read_bytes() for _, path in list_segments(config.spool.directory)]

    before = read_all()
    read_metrics(config, None, NOWHERE)
    assert read_all() == before
    [(_, path)] = list_segments(config.spool.directory)
    with opened_segment(path, writable=False) as segment:
        assert segment.committed == 0
