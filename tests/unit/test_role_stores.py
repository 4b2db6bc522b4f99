"""The stores that a site names: which one records a gateway, and what is refused."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.unit.role_filters import ROLE, load_role_file

pytest.importorskip("yaml")
values = load_role_file("filter_plugins/ctaudit_values.py")
stores = load_role_file("filter_plugins/ctaudit_stores.py")

_TWO: dict[str, dict[str, Any]] = {"east": {"host": "db1"}, "west": {"host": "db2"}}


@pytest.mark.parametrize(
    "written",
    [
        {"east": {"host": "db1", "patience": "9"}},
        '{"east": {"host": "db1", "patience": 9}}',
        "{east: {host: db1, patience: 9}, west: }",
    ],
)
def test_stores_as_people_write_them(written: Any) -> None:
    read = values.read_variable(written, "ctaudit_stores")
    assert read == {"east": {"host": "db1", "patience": 9}}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"east": {}}, r"ctaudit_stores\.east\.host is missing; write the inventory's name"),
        ({"a b": {"host": "db1"}}, '"a b" is no name of a store; write 1 to 32 letters'),
        ({"east": {"host": "db1", "dsn": "x"}}, r"east\.dsn: there is no such key; there are host"),
        ({"east": {"host": "db1", "state": "absent"}}, "one of present, retired, gone"),
        ({1: {"host": "db1"}, "1": {"host": "db2"}}, r"ctaudit_stores\.1 is there twice"),
        (["east", "west"], "write a dictionary"),
        ({"east": "db1"}, r"ctaudit_stores\.east is \"db1\"; write a dictionary"),
    ],
)
def test_stores_refused(written: Any, sentence: str) -> None:
    with pytest.raises(values.Misfit, match=sentence):
        values.read_variable(written, "ctaudit_stores")


def test_hosts_of_stores() -> None:
    assert stores.find_store_faults(_TWO, ["db1", "db2"], "pg") == []
    [fault] = stores.find_store_faults(_TWO, ["db1"], "pg")
    assert fault.startswith("ctaudit_stores.west.host is db2, which is not in the group pg;")
    same = {**_TWO, "south": {"host": "db1"}}
    [fault] = stores.find_store_faults(same, ["db1", "db2"], "pg")
    assert fault.startswith("ctaudit_stores.south and ctaudit_stores.east have the same host db1;")
    same["south"]["state"] = "gone"
    assert stores.find_store_faults(same, ["db1", "db2"], "pg") == []


@pytest.mark.parametrize(
    ("store", "known", "host", "sentence"),
    [
        ("east", _TWO, "gw1", ""),
        ("", {}, "gw1", ""),
        ("east", _TWO, "db1", ""),
        ("", _TWO, "gw1", "ctaudit_store is missing, the one that records it; ctaudit_stores has"),
        ("esat", _TWO, "gw1", "ctaudit_store is esat, and ctaudit_stores has east, west"),
        ("east", {}, "gw1", "ctaudit_store is east, and ctaudit_stores is empty"),
        ("west", _TWO, "db1", "it has store east itself, and ctaudit_store is west; set it to"),
        ("old", {"old": {"host": "db0", "state": "retired"}}, "gw1", "old, which is retired in"),
    ],
)
def test_store_of_a_gateway(store: str, known: Any, host: str, sentence: str) -> None:
    faults = stores.find_gateway_faults(store, known, host)
    assert len(faults) == bool(sentence)
    assert sentence in "".join(faults)


def test_how_a_store_is_reached() -> None:
    known = {**_TWO, "south": {"host": "db3", "address": "south.example.net", "patience": 9}}
    hostvars = {"db1": {}, "db2": {"ansible_host": "10.0.0.2"}, "db3": {"ansible_host": "10.0.0.3"}}
    addresses = stores.list_addresses(known, hostvars)
    assert addresses == {"east": "db1", "west": "10.0.0.2", "south": "south.example.net"}
    assert stores.find_store_at(known, hostvars, "10.0.0.2", "gw1") == "west"
    assert stores.find_store_at(known, hostvars, "10.0.0.3", "gw1") == ""
    assert stores.find_store_at(known, hostvars, "", "gw1") == ""
    # By the socket it is the host's own.
    assert stores.find_store_at(known, hostvars, "/var/run/postgresql", "db3") == "south"
    assert stores.find_store_at(known, hostvars, "/var/run/postgresql", "gw1") == ""
    told = stores.list_asked(known, hostvars)[2]
    assert told == {
        "name": "south", "host": "db3", "address": "south.example.net", "patience": 9,
        "state": "present",
    }  # fmt: skip


def test_a_front_may_have_the_login_that_no_gateway_may() -> None:
    assert values.find_front_login_faults("ctaudit-front", "ctaudit_front_login") == []
    assert "no gateway's" in values.find_login_faults("ctaudit-front", "ctaudit_database_login")[0]
    assert values.find_front_login_faults("postgres", "ctaudit_front_login") != []


class _Front:
    """The module's decisions, without Ansible and without a server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        basic, psql = ModuleType("basic"), ModuleType("psql")
        basic.AnsibleModule = object  # type: ignore[attr-defined]
        for unused in ("DATABASE", "DSN", "Refused", "as_superuser", "is_installed", "run_sql"):
            setattr(psql, unused, Exception)
        for name, module in (
            ("ansible", ModuleType("ansible")),
            ("ansible.module_utils", ModuleType("utils")),
            ("ansible.module_utils.basic", basic),
            ("ansible.module_utils.ctaudit_psql", psql),
        ):
            monkeypatch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location("f", ROLE / "library/ctaudit_front.py")
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def steps(self, known: dict[str, Any] | None, **store: Any) -> list[str]:
        wanted = {"name": "a", "address": "db1", "patience": 5, "state": "present", **store}
        found = self.module._steps(wanted, known, {"user": "it's"})
        return [" ".join(words) for _, words in found]


def test_what_a_front_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    front = _Front(monkeypatch)
    text = front.module._format_dsn({"host": "db1", "user": "it's"})
    assert front.module._read_dsn(text) == {"host": "db1", "user": "it's"}
    odd = {"host": "a b", "passfile": "C:\\x y"}
    assert front.module._read_dsn(front.module._format_dsn(odd)) == odd
    assert text == r"host=db1 user='it\'s'"
    add = f"add a --store {text} --patience 5"
    assert front.steps(None) == [add]
    assert front.steps(None, state="retired") == [add, "retire a"]
    assert front.steps(None, state="gone") == [add, "retire a --gone"]


def test_a_front_that_was_told_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    front = _Front(monkeypatch)
    dsn = r"user='it\'s' host=db1"
    row = {"dsn": dsn, "patience": 5.0, "retired_at": None, "gone_at": None}
    retired = {**row, "retired_at": "2026-02-22"}
    gone = {**retired, "gone_at": "2026-02-23"}
    assert front.steps(row) == front.steps(retired, state="retired") == []
    assert front.steps(gone, state="gone") == []
    assert front.steps(row, state="retired") == ["retire a"]
    assert front.steps(retired, state="gone") == ["retire a --gone"]
    assert len(front.steps(retired)) == len(front.steps(gone)) == 1
    assert len(front.steps(gone, state="retired")) == 2
    assert [step[:5] for step in front.steps(row, patience=6)] == ["add a"]
    assert [step[:5] for step in front.steps({**row, "dsn": "host=db9"})] == ["add a"]


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ('could not translate host name "db9" to address', "correct ctaudit_stores.a.address, wh"),
        ('certificate for "db1" does not match host name "db9"', "a name in the certificate of h"),
        ("SSL error: certificate verify failed", "ctaudit_database_ca must have signed"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "must hold the address that h sees"),
        ("it has schema version 3, and the front needs 5: run ...", "run the role for h and"),
        ("it did not answer within 5 s", "look at PostgreSQL on h and at the way there"),
    ],
)
def test_the_way_out(why: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = {"name": "a", "host": "h", "address": "db9"}
    assert remedy in _Front(monkeypatch).module._find_remedy(why, store)
