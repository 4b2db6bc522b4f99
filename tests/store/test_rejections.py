"""What of a server's refusal is an event's own fault, and what would be every event's."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from lab.cluster import Cluster
from tests.store.gateway import let_record
from tests.store.spooled import Spooled

_RAISE = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'closed for today' {}; END$$;
CREATE TRIGGER refuse AFTER INSERT ON ctaudit.opening_row
    FOR EACH ROW WHEN (NEW.ct_id {}) EXECUTE FUNCTION public.refuse();
"""
_NO_RAISE = "DROP TRIGGER refuse ON ctaudit.opening_row; DROP FUNCTION public.refuse()"
_NO_PARTITIONS = """
DO $$DECLARE v_name regclass; BEGIN
    FOR v_name IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ctaudit.opening_row'::regclass
    LOOP EXECUTE format('ALTER TABLE ctaudit.opening_row DETACH PARTITION %s', v_name); END LOOP;
END$$
"""
_DEFAULT = "ALTER TABLE ctaudit.opening_row ATTACH PARTITION ctaudit.opening_default DEFAULT"


@pytest.fixture
def place(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    name = f"rejections_{request.node.callspec.id}" if hasattr(request.node, "callspec") else "rej"
    cluster.create_database(name, template="ctaudit")
    let_record(cluster.dsn(name, user="rex"), "gw-r")
    return name


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        pytest.param(_RAISE.format("", "> 0"), _NO_RAISE, id="raise"),
        pytest.param(_NO_PARTITIONS, _DEFAULT, id="partition"),
    ],
)
def test_what_hits_every_event_makes_none_undecodable(
    cluster: Cluster, place: str, tmp_path: Path, broken: str, mended: str
) -> None:
    dsn = cluster.dsn(place, user="rex")
    gateway = Spooled(tmp_path, "gw-r")
    with gateway.receiving(), psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        gateway.write(*range(1, 9))
        owner.execute(broken)  # type: ignore[arg-type]
        assert gateway.record(dsn) == 0
        owner.execute(mended)  # type: ignore[arg-type]
        assert gateway.record(dsn) == 8
    assert count(cluster, place) == (8, 0)


@pytest.mark.parametrize("how", ["USING ERRCODE = '22023'"], ids=["code"])
def test_raise_with_a_code_of_the_data_makes_the_event_undecodable(
    cluster: Cluster, place: str, tmp_path: Path, how: str
) -> None:
    gateway = Spooled(tmp_path, "gw-r")
    with gateway.receiving(), psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        gateway.write(*range(1, 9))
        owner.execute(_RAISE.format(how, "= 5"))  # type: ignore[arg-type]
        gateway.record(cluster.dsn(place, user="rex"))
    assert count(cluster, place) == (7, 1)


def test_check_of_a_site_makes_the_event_undecodable(
    cluster: Cluster, place: str, tmp_path: Path
) -> None:
    gateway = Spooled(tmp_path, "gw-r")
    with gateway.receiving(), psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        gateway.write(*range(1, 9))
        owner.execute("ALTER TABLE ctaudit.opening_row ADD CHECK (ct_id <> 5) NOT VALID")
        gateway.record(cluster.dsn(place, user="rex"))
    assert count(cluster, place) == (7, 1)


def count(cluster: Cluster, place: str) -> tuple[int, int]:
    with psycopg.connect(cluster.dsn(place)) as connection:
        recorded, undecodable = connection.execute(
            "SELECT (SELECT count(*) FROM ctaudit.opening WHERE node = 'gw-r'),"
            " (SELECT count(*) FROM ctaudit.undecodable WHERE node = 'gw-r')"
        ).fetchone() or (0, 0)
    return int(recorded), int(undecodable)
