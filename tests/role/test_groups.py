"""What site.yml says of an inventory's groups, before it asks any host."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.namespaces import ROOT
from tests.role.playing import Played, assert_done, assert_stopped, play

_HOSTS = "[pg]\ndb1\n[Edge_Routers]\ngw1\ngw2\n"
_PG, _EDGE = "ctaudit_database_group=pg\n", "ctaudit_gateways_group=Edge_Routers\n"
_TWO_FLEETS = f"""\
{_HOSTS}
[a:children]
pg
Edge_Routers
[a:vars]
{_PG}{_EDGE}
[pg2]
db2
[core]
gw3
[b:children]
pg2
core
[b:vars]
ctaudit_database_group=pg2
ctaudit_gateways_group=core
"""


def _play_groups(folder: Path, inventory: str) -> Played:
    """The first play alone, which needs no host to be there."""
    first, _, rest = (ROOT / "site.yml").read_text().partition("\n- name: The database\n")
    assert rest
    book, file = folder / "groups.yml", folder / "inventory.ini"
    book.write_text(first)
    file.write_text(inventory)
    return play(file, book=book)


@pytest.mark.parametrize(
    ("inventory", "words"),
    [
        (
            f"{_HOSTS}[pg:vars]\n{_PG}[Edge_Routers:vars]\n{_EDGE}",
            "db1, gw1, gw2: to the role the group of gateways or databases is gateways and",
        ),
        # Each gateway would have made a database of its own.
        (f"{_HOSTS}[all:vars]\n{_EDGE}[pg:vars]\n{_PG}", "gw1, gw2: to the role"),
        # The database's host would have taken the services of a gateway for nobody's.
        (f"{_HOSTS}[all:vars]\n{_PG}[Edge_Routers:vars]\n{_EDGE}", "db1: to the role"),
    ],
    ids=["each its own", "database", "gateways"],
)
def test_a_group_that_is_not_said_to_all(tmp_path: Path, inventory: str, words: str) -> None:
    run = _play_groups(tmp_path, inventory)
    assert_stopped(run, "Require the same groups of all hosts", words, "for all hosts")


@pytest.mark.parametrize(
    "inventory",
    [
        f"{_HOSTS}[all:vars]\n{_PG}{_EDGE}",
        "[database]\ndb1\n[gateways]\ngw1\n[others]\nx1\n",
        f"[all:vars]\n{_EDGE}[Edge_Routers]\ngw1\n",
        _TWO_FLEETS,
    ],
    ids=["own names", "default names", "no database's host", "two fleets"],
)
def test_groups_that_all_know(tmp_path: Path, inventory: str) -> None:
    assert_done(_play_groups(tmp_path, inventory))
