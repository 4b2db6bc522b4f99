"""`ctaudit metrics` and the canary of `check`, each with the logins that may and may not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ctaudit.admin import check_database
from ctaudit.admin.check_database import Site
from ctaudit.admin.finding import Level
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, let_record
from tests.store.scenario import run
from tests.store.spooled import Spooled

NAME = "metrics_command"
AT = datetime.now(UTC) - timedelta(minutes=30)


@pytest.fixture
def place(cluster: Cluster) -> Iterator[str]:
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    yield NAME
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


def written(directory: Path, node: str = "gw1") -> Path:
    path = directory / "ctaudit.toml"
    path.write_text(f'node = "{node}"\n[spool]\ndirectory = "{directory / "spool"}"\n')
    return path


def read(text: str, name: str) -> dict[str, float]:
    """The values of one metric, by node; of several with one node their sum."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            if sample.name == name:
                node = sample.labels["node"]
                found[node] = found.get(node, 0) + sample.value
    return found


@pytest.mark.parametrize(
    ("login", "nodes"),
    [("rex", {"gw1"}), ("audrey", {"gw1", "gw2"}), ("mary", {"gw1", "gw2"})],
)
def test_who_is_told_of_which_gateways(
    cluster: Cluster, place: str, tmp_path: Path, login: str, nodes: set[str]
) -> None:
    """A recorder of its own, an auditor and the maintainer of all."""
    let_record(cluster.dsn(place, user="rex"), "gw1")
    for node in ("gw1", "gw2"):
        gateway = Gateway(cluster.dsn(place), node)
        gateway.listen(AT)
        gateway.close()
    dsn = cluster.dsn(place, user=login)
    done = run("metrics", "--config", str(written(tmp_path)), "--dsn", dsn)
    assert (done.status, done.err) == (0, "")
    assert set(read(done.out, "ctaudit_events_received_total")) == nodes
    assert read(done.out, "ctaudit_source_up") == {"gw1": 1}
    with psycopg.connect(cluster.dsn(place)) as connection:
        assert connection.execute("SELECT count(*) FROM ctaudit.inquiry").fetchone() == (0,)


@pytest.mark.parametrize(
    ("login", "node", "says"),
    [
        ("rex", "gw2", "the login rex does not record as gw2"),
        ("stranger", "gw1", "permission denied"),
    ],
)
def test_who_is_told_of_none(
    cluster: Cluster, place: str, tmp_path: Path, login: str, node: str, says: str
) -> None:
    let_record(cluster.dsn(place, user="rex"), "gw1")
    dsn = cluster.dsn(place, user=login)
    done = run("metrics", "--config", str(written(tmp_path, node)), "--dsn", dsn)
    assert done.status == 0
    assert done.err.startswith("ctaudit: no metrics of the database: ")
    assert says in done.err
    assert read(done.out, "ctaudit_source_up") == {node: 0}


def test_a_gateway_s_numbers_agree(cluster: Cluster, place: str, tmp_path: Path) -> None:
    """Its spool, its lag and its record, written to a file with each commit that was."""
    dsn = cluster.dsn(place, user="rex")
    let_record(dsn, "gw1")
    config, output = written(tmp_path), tmp_path / "ctaudit.prom"
    (tmp_path / "spool").mkdir()
    spooled = Spooled(tmp_path / "spool", "gw1")

    def measure() -> str:
        done = run("metrics", "--config", str(config), "--dsn", dsn, "-o", str(output))
        assert (done.status, done.out) == (0, "")
        return output.read_text()

    with spooled.receiving():
        spooled.write(1, 2, 3)
        text = measure()
        waiting = read(text, "ctaudit_spool_waiting_bytes")["gw1"]
        assert waiting == read(text, "ctaudit_receiver_received_bytes_total")["gw1"] > 0
        assert read(text, "ctaudit_events_received_total") == {}
        spooled.record(dsn)
        text = measure()
    assert read(text, "ctaudit_spool_waiting_bytes") == {"gw1": 0}
    assert read(text, "ctaudit_events_received_total") == {"gw1": 3}
    assert read(text, "ctaudit_events_stored_total") == {"gw1": 3}


def test_check_says_how_old_the_canary_is(
    cluster: Cluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")
    dsn = cluster.dsn(place, user="rex")
    gateway = Gateway(dsn, "gw1")
    gateway.listen(AT)

    def check(interval: float | None) -> list[tuple[Level, str]]:
        site = Site(Path("/nonexistent"), canary=interval)
        found = check_database.check_database(dsn, "ctaudit.record_live", "gw1", site)
        return [(item.level, item.found) for item in found if item.name == "canary"]

    assert check(None) == []
    assert check(300.0) == [
        (Level.WARNING, "none was found since the receiver's socket was opened")
    ]
    gateway.connection.execute(
        "SELECT ctaudit.set_canary('gw1', %s, now() - interval '10 minutes')", (gateway.stream,)
    )
    [(level, words)] = check(300.0)
    assert (level, "sent 10 min" in words) == (Level.GOOD, True)
    assert check(60.0)[0][0] is Level.WARNING
    with psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        owner.execute("DROP FUNCTION ctaudit.own_metrics")
    [(level, words)] = check(300.0)
    assert (level, "needs ctaudit.own_metrics" in words) == (Level.WARNING, True)
    gateway.close()
