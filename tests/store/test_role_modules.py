"""The role's modules that tell a front its stores, and that move a gateway, on real servers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from lab.cluster import Cluster
from lab.namespaces import ROOT
from lab.stores import Fleet
from tests.store.conftest import LOGINS
from tests.store.fleets import open_fleet
from tests.store.gateway import Gateway
from tests.store.scenario import COVERED, after

_ROLE = ROOT / "roles/ctaudit"
Result = dict[str, Any]
Run = Callable[..., Result]


class _Ended(Exception):
    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


class _Module:
    """Ansible's, of a host whose only server is this cluster."""

    def __init__(self, cluster: Cluster, given: Mapping[str, Any], check_mode: bool) -> None:
        self.cluster, self.given, self.check_mode = cluster, given, check_mode
        self.warnings: list[str] = []
        self.params: Result = {}

    def __call__(self, argument_spec: Mapping[str, Any], **_: object) -> _Module:
        self.params = {name: option.get("default") for name, option in argument_spec.items()}
        self.params |= self.given
        return self

    def run_command(self, words: list[str], data: str = "", **_: object) -> tuple[int, str, str]:
        assert words[:4] == ["runuser", "-u", "postgres", "--"]
        ours = {
            "/usr/bin/ctaudit": [sys.executable, "-m", "ctaudit"],
            "host=/var/run/postgresql dbname=ctaudit": [self.cluster.dsn()],
        }
        place = {"PGHOST": str(self.cluster.socket_directory), "PGUSER": self.cluster.superuser}
        done = subprocess.run(
            [own for word in words[4:] for own in ours.get(word, [word])], input=f"{data}\n",
            env={**os.environ, **place}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def exit_json(self, **result: Any) -> None:
        raise _Ended({**result, "warnings": self.warnings})

    def fail_json(self, **result: Any) -> None:
        raise _Ended({**result, "failed": True})


@pytest.fixture(scope="module")
def made() -> Iterator[Fleet]:
    with open_fleet("ab", LOGINS, {"fsync": "off"}, 2.0) as made:
        yield made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def load(name: str, path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    def act(name: str, cluster: Cluster, check_mode: bool = False, **given: Any) -> Result:
        utils = "ansible.module_utils"
        basic = ModuleType(f"{utils}.basic")
        basic.AnsibleModule = _Module(cluster, given, check_mode)  # type: ignore[attr-defined]
        for parent in ("ansible", utils):
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        monkeypatch.setitem(sys.modules, basic.__name__, basic)
        load(f"{utils}.ctaudit_psql", _ROLE / "module_utils/ctaudit_psql.py")
        with pytest.raises(_Ended) as ended:
            load(name, _ROLE / f"library/{name}.py").main()
        return ended.value.result

    return act


def test_a_front_is_told_its_stores(made: Fleet, run: Run) -> None:
    connection = {"dbname": "ctaudit", "user": "it's", "passfile": "/etc/front.pgpass"}
    shared = {"host": "dbx", "patience": 5, "state": "present"}
    wanted = [
        {**shared, "name": "n", "address": "n.example.net"},
        {**shared, "name": "o", "address": "o.example.net", "state": "retired", "patience": 9},
        {**shared, "name": "p", "address": "p.example.net", "state": "gone"},
    ]
    foreseen = run("ctaudit_front", made.front, True, stores=wanted, connection=connection)
    assert foreseen["actions"] == ["asks store n", "asks store o", "store o is retired",
                                   "asks store p", "store p is gone"]  # fmt: skip
    done = run("ctaudit_front", made.front, stores=wanted, connection=connection)
    assert done["msg"].startswith("the front on this host: store n is not reachable: could not ")
    assert done["msg"].endswith("; correct ctaudit_stores.n.address, which is n.example.net")
    again = run("ctaudit_front", made.front, stores=wanted, connection=connection)
    assert not again["changed"]
    # It may be off for a while. Those of before stay, with a word.
    assert [re.split("[,:] ", line)[:2][-1] for line in again["warnings"]] == [
        "store n is not reachable",
        "store o is not reachable",
        "which is not in ctaudit_stores; put it there",
        "which is not in ctaudit_stores; put it there",
    ]
    wanted[0]["patience"] = 7
    wanted[2]["state"] = "present"
    foreseen = run("ctaudit_front", made.front, True, stores=wanted, connection=connection)
    assert foreseen["actions"] == ["asks store n", "asks store p"]
    assert run("ctaudit_front", made.front, stores=wanted, connection=connection)["failed"]
    assert not run("ctaudit_front", made.front, stores=wanted, connection=connection)["changed"]


def test_no_front_is_told_nothing(made: Fleet, run: Run) -> None:
    done = run("ctaudit_front", made.stores["a"], stores=[], connection={})
    assert done["failed"]
    assert "is no front" in done["msg"]
    assert not run("ctaudit_front", made.stores["a"], True, stores=[], connection={})["changed"]


def test_a_gateway_is_moved_once(made: Fleet, run: Run) -> None:
    a, b = made.stores["a"], made.stores["b"]
    gateway = Gateway(a.dsn(user="rex"), "gw1")
    gateway.listen(after(-600))
    gateway.record([], COVERED)
    gateway.close()
    move = {"node": "gw1", "to": "b"}
    foreseen = run("ctaudit_move", a, True, state="handed_over", **move)
    assert foreseen == {"changed": True, "handed": "", "warnings": []}
    assert run("ctaudit_move", b, True, state="taken_over", foreseen=True, **move)["changed"]
    handed = run("ctaudit_move", a, state="handed_over", **move)
    assert handed["changed"]
    # The run was broken off here, or right after the next one.
    again = run("ctaudit_move", a, state="handed_over", **move)
    assert not again["changed"]
    taken = {"handed": again["handed"], "state": "taken_over", **move}
    assert run("ctaudit_move", b, **taken)["changed"]
    assert not run("ctaudit_move", b, **taken)["changed"]
    settled = {**taken, "state": "settled"}
    foreseen = {"state": "settled", "foreseen": True, **move}
    assert run("ctaudit_move", a, True, **foreseen)["changed"]
    assert run("ctaudit_move", a, **settled)["changed"]
    assert not run("ctaudit_move", a, **settled)["changed"]
    with psycopg.connect(b.dsn()) as connection:
        rows = connection.execute("SELECT position, stopped_at FROM ctaudit.stream").fetchall()
    assert rows == [(gateway.position, None)]
    refused = run("ctaudit_move", a, state="handed_over", node="gw1", to="c")
    assert "moving gw1 to store c: " in refused["msg"]
    assert "was handed over to b" in refused["msg"]
    back = {"node": "gw1", "to": "a"}
    handed = run("ctaudit_move", b, state="handed_over", **back)
    assert run("ctaudit_move", a, state="taken_over", handed=handed["handed"], **back)["changed"]


def test_who_never_recorded_is_not_moved(made: Fleet, run: Run) -> None:
    move = {"node": "gw8", "to": "b"}
    handed = run("ctaudit_move", made.stores["a"], state="handed_over", **move)
    assert handed == {"changed": False, "handed": "", "warnings": []}
    taken = run("ctaudit_move", made.stores["b"], state="taken_over", handed="", **move)
    assert not taken["changed"]
    assert not run("ctaudit_move", made.stores["a"], state="settled", handed="", **move)["changed"]


def test_a_dump_on_its_way_is_waited_for_and_then_said(made: Fleet, run: Run) -> None:
    a = made.stores["a"]
    gateway = Gateway(a.dsn(user="rex"), "gw7")
    gateway.listen(after(-600))
    gateway.record([], COVERED)
    with psycopg.connect(a.dsn()) as connection:
        connection.execute("UPDATE ctaudit.stream SET pending_dump_id = 1 WHERE node = 'gw7'")
    move = {"node": "gw7", "to": "b", "state": "handed_over", "patience": 1}
    said = run("ctaudit_move", a, **move)["msg"]
    assert "the last table dump of gw7 is not recorded and compared to its end yet" in said
    # Refused as a whole: it goes on recording here.
    gateway.record([], after(1700))
    gateway.close()
