"""What people write as variables of the role: read in the type that is meant, or refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from tests.unit.role_filters import ROLE, load_role_file

yaml = pytest.importorskip("yaml")
values = load_role_file("filter_plugins/ctaudit_values.py")


class _Vaulted:
    """As ansible-core 2.14 hands over a vaulted value: no string."""

    def __str__(self) -> str:
        return "10.20.1.2"


@pytest.mark.parametrize("written", [True, "yes", "Yes", "on", "True", "1", 1, "y", " yes "])
def test_flag_set(written: Any) -> None:
    assert values.read_variable(written, "ctaudit_purge") is True


@pytest.mark.parametrize("written", [False, "no", "False", "false", "off", "0", 0, "n", None])
def test_flag_not_set(written: Any) -> None:
    assert values.read_variable(written, "ctaudit_purge") is False


@pytest.mark.parametrize("written", ["maybe", "", 2, [], ["yes"], {}])
def test_flag_refused(written: Any) -> None:
    with pytest.raises(values.Misfit, match=r"ctaudit_purge is .*; write true or false"):
        values.read_variable(written, "ctaudit_purge")


@pytest.mark.parametrize(
    "written",
    [
        "10.20.1.2",
        "10.20.1.2/32",
        ["10.20.1.2"],
        ("10.20.1.2",),
        "10.20.1.2,",
        " 10.20.1.2 ",
        "['10.20.1.2']",
        '["10.20.1.2"]',
        "[10.20.1.2]",
        "[ '10.20.1.2', ]",
        _Vaulted(),
        [_Vaulted()],
    ],
)
def test_one_address(written: Any) -> None:
    assert values.read_variable(written, "ctaudit_gateway_addresses") == ["10.20.1.2/32"]


@pytest.mark.parametrize(
    "written",
    [
        "10.0.0.0/8,2001:db8::1",
        "10.0.0.0/8, 2001:db8::1,",
        "10.0.0.0/8 2001:db8::1",
        "10.0.0.0/8\n2001:DB8::1\n",
        '["10.0.0.0/8", "2001:db8:0::1"]',
        "['10.0.0.0/255.0.0.0', '2001:db8::1/128']",
    ],
)
def test_several_networks(written: Any) -> None:
    read = values.read_variable(written, "ctaudit_gateway_addresses")
    assert read == ["10.0.0.0/8", "2001:db8::1/128"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("10.20.1.2/24", 'write the network as "10.20.1.0/24", or the address as "10.20.1.2"'),
        ("gw1.example.net", "is not an address or a network; write a list of them"),
        ("fe80::1%eth0", "is not an address"),
        (["10.0.0.1, 10.0.0.2"], '"10.0.0.1, 10.0.0.2" is not an address'),
        (10, '"10" is not an address'),
        (10.2, "is 10.2; write text, in quotes"),
        ([True], r"ctaudit_gateway_addresses[0] is true; write text"),
        ({"a": 1}, "write a list"),
        ("[10.0.0.1", "write a list"),
        ([["10.0.0.1"]], "write text"),
    ],
)
def test_addresses_refused(written: Any, words: str) -> None:
    [fault] = values.find_faults({"ctaudit_gateway_addresses": written})
    assert fault.startswith("ctaudit_gateway_addresses")
    assert words in fault


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("anna", ["anna"]),
        ("anna,ben", ["anna", "ben"]),
        ("", []),
        (None, ["root"]),
        (1000, ["1000"]),
        (["anna", "Ben.Smith"], ["anna", "Ben.Smith"]),
    ],
)
def test_auditors(written: Any, names: list[str]) -> None:
    assert values.read_variable(written, "ctaudit_auditors") == names


@pytest.mark.parametrize(
    "written",
    [
        '{"node": "GW1.Example", "privacy": {"remote": false}, "batch": {"events": 10}}',
        "{'node': 'GW1.Example', 'privacy': {'remote': False}, 'batch': {'events': 10}}",
        "{node: GW1.Example, privacy: {remote: no}, batch: {events: 10}}",
        "{'node': 'GW1.Example', 'privacy': {'remote': no}, 'batch': {'events': 10}}",
        "{'pair': None, 'node': 'GW1.Example', 'privacy': {'remote': 0}, 'batch': {'events': 10}}",
        "{'node': 'GW1.Example', 'privacy': {'remote': false}, 'batch': {'events': '10'}}",
        {"node": "GW1.Example", "privacy": '{"remote": false}', "batch": {"events": "10"}},
        {"node": "GW1.Example", "privacy": {"remote": "no"}, "batch": {"events": 10.0},
         "spool": None, "retention": {"days": None}},
    ],
)  # fmt: skip
def test_configuration(written: Any) -> None:
    read = values.read_variable(written, "ctaudit_config")
    assert {key: value for key, value in read.items() if value} == {
        "node": "GW1.Example", "privacy": {"remote": False}, "batch": {"events": 10},
        **({"retention": {}} if read.pop("retention", None) else {}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("node=gw1", "ctaudit_config is "),
        ('{"node": "gw1"', "ctaudit_config is "),
        ({"nodes": "gw1"}, "ctaudit_config.nodes: there is no such key; there are node, pair"),
        ({"node": False}, "ctaudit_config.node is false; write text, in quotes"),
        ({"node": 1.10}, "ctaudit_config.node is 1.1; write text, in quotes"),
        ({"node": dt.date(2026, 2, 22)}, "ctaudit_config.node is "),
        ({"mode": "Live"}, 'ctaudit_config.mode is "Live"; write one of live, nat, history'),
        ({"batch": {"events": "many"}}, "ctaudit_config.batch.events is "),
        ({"batch": {"events": True}}, "ctaudit_config.batch.events is true; write a whole number"),
        ({"spool": ["a"]}, "ctaudit_config.spool is "),
        ({"scope": {"public": "1.2.3.4/24"}}, "ctaudit_config.scope.public: "),
    ],
)
def test_configuration_refused(written: Any, words: str) -> None:
    [fault] = values.find_faults({"ctaudit_config": written})
    assert fault.startswith(words)
    assert len(fault) < 200


def test_whole_numbers_stay_what_they_are() -> None:
    read = values.read_variable({"node": 12, "spool": {"max_bytes": 2147483648}}, "ctaudit_config")
    assert read == {"node": "12", "spool": {"max_bytes": "2147483648"}}


def test_settings_as_the_kernel_reads_them() -> None:
    written = {"net.a": True, "net.b": "1024  65535", "net.c": 5}
    read = values.read_variable(written, "ctaudit_sysctls")
    assert read == {"net.a": "1", "net.b": "1024 65535", "net.c": "5"}
    [fault] = values.find_faults({"ctaudit_sysctls": {"net.a": [1]}})
    assert fault == "ctaudit_sysctls.net.a is [1]; write a number or text, such as 1"


@pytest.mark.parametrize("written", [12345678, 0x10, 1e5, True, ["secret"]])
def test_no_secret_is_repeated(written: Any) -> None:
    [fault] = values.find_faults({"ctaudit_database_password": written})
    assert fault.startswith("ctaudit_database_password is something else; write text, in quotes")


@pytest.mark.parametrize(
    "written",
    ["database.dsn=postgresql://gw1:q7x2k9@db/ctaudit", "{'dsn': 'password=q7x2k9'"],
)
def test_no_password_in_what_is_not_understood(written: str) -> None:
    [fault] = values.find_faults({"ctaudit_config": written})
    assert "q7x2k9" not in fault


def test_all_defaults_are_read() -> None:
    left_out = dict.fromkeys(values._load_options())
    del left_out["ctaudit_database_authentication"]  # worked out
    assert values.find_faults(left_out) == []


def test_namesakes() -> None:
    hosts = [
        {"inventory_hostname": "a", "ctaudit_config": {"node": "gw"}},
        {"inventory_hostname": "b", "ctaudit_config": '{"node": "gw"}'},
        {"inventory_hostname": "c", "ansible_facts": {"nodename": "gw"}},
        {"inventory_hostname": "d", "ctaudit_config": {"node": "GW"}},
        {"inventory_hostname": "e", "ctaudit_config": "nonsense"},
        {"inventory_hostname": "gw"},
        {"inventory_hostname": "gw", "ansible_facts": {"nodename": "other"}},
    ]
    assert values.find_namesakes(hosts, "gw") == ["a", "b", "c", "gw"]
    assert values.list_nodes(hosts) == ["gw", "gw", "gw", "GW", "gw", "other"]


@pytest.mark.parametrize(
    "login",
    ["postgres", "pg_monitor", "pg_x", "public", "none", "ctaudit_owner", "ctaudit-maintain"],
)
def test_a_login_that_is_no_gateways(login: str) -> None:
    [fault] = values.find_login_faults(login, "ctaudit_database_login")
    assert fault.startswith(f'ctaudit_database_login is "{login}", which is no gateway\'s')
    [fault] = values.find_user_faults(login, "ctaudit_config.database.dsn")
    assert fault.startswith(f'ctaudit_config.database.dsn logs in as "{login}", which is no')


@pytest.mark.parametrize("login", ["gw1", "R1.Example.NET", "ctaudit", "Postgres", "pgw", "größe"])
def test_a_gateways_login(login: str) -> None:
    assert values.find_login_faults(login, "x") == values.find_user_faults(login, "x") == []


def test_a_connection_string_that_names_no_user() -> None:
    assert values.find_user_faults("", "ctaudit_config.database.dsn") == []


@pytest.mark.parametrize(
    "written",
    [
        {"database": "host=db password='q7 x2k9'"},
        {"database": "host=db password = q7x2k9"},
        {"database": "postgresql://gw1:q7@x2k9@db/ctaudit"},
        {"database": {"password": "q7x2k9"}},
        {"database": ["dsn=x2k9"]},
        '{"database": {"pwd": "x2k9"',
        "dsn=x2k9",
    ],
)
def test_what_may_be_a_password_is_not_shown(written: Any) -> None:
    [fault] = values.find_faults({"ctaudit_config": written})
    assert "x2k9" not in fault


@pytest.mark.parametrize("written", ["{[1]: 2}", "{" * 5000, "{'a': " + "[" * 5000])
def test_no_dictionary_at_all(written: str) -> None:
    [fault] = values.find_faults({"ctaudit_config": written})
    assert fault.startswith("ctaudit_config")


@pytest.mark.parametrize("written", [float("inf"), float("nan"), "1e3", 1.5, True])
def test_no_whole_number(written: Any) -> None:
    [fault] = values.find_faults({"ctaudit_check_retries": written})
    assert fault.endswith("; write a whole number, such as 10")


@pytest.mark.parametrize(
    "written",
    ["- root\n- anna", "'root','anna'", "root;anna", "[root anna]", "(root)", [""], "ä" * 32],
)
def test_no_names_of_users(written: Any) -> None:
    [fault] = values.find_faults({"ctaudit_auditors": written})
    assert "is not the name of a user; write" in fault


@pytest.mark.parametrize("name", ["ctaudit_recorder", "ctaudit_owner", "pg_monitor", "ctaudit"])
def test_an_auditor_that_is_nobody(name: str) -> None:
    """GRANT ctaudit_auditor TO ctaudit_recorder would have let each gateway ask."""
    [fault] = values.find_faults({"ctaudit_auditors": ["root", name]})
    assert fault == (
        f'ctaudit_auditors: "{name}" is a name that PostgreSQL or ctaudit has itself; write those '
        "of people"
    )


@pytest.mark.parametrize("login", ["/.*", "/gw1", "", 'gw"1', "g\nw", "x" * 64])
def test_what_pg_hba_would_not_take_for_a_name(login: str) -> None:
    [fault] = values.find_login_faults(login, "ctaudit_database_login")
    assert fault.endswith('write 1 to 63 characters without quotes, no "/" first')


def test_what_may_be_in_the_folder_of_a_spool() -> None:
    patterns = yaml.safe_load((ROLE / "vars/main.yml").read_text())["ctaudit_spool_files"]

    def is_known(name: str) -> bool:
        return any(re.match(pattern, name) for pattern in patterns)  # as Ansible's find does

    ours = (
        "000000000001.segment", "000000000002.new", "000000000003.foreign-1795633716",
        "000000000004.damaged", "receiver.lock", "recorder.lock", "recorder.lag", "siem.output",
        "siem.output.new", "lost+found",
    )  # fmt: skip
    assert [name for name in ours if not is_known(name)] == []
    others = ("mail", "cron", "1.segment", "outputs", ".ssh", "000000000001")
    assert [name for name in others if is_known(name)] == []


@pytest.mark.parametrize(
    "written",
    [
        {"statement_timeout": "10min", "temp_file_limit": "10GB", "connections": 10},
        {"statement_timeout": "600000", "temp_file_limit": "-1"},
        {"statement_timeout": 600000, "temp_file_limit": 10485760},
        '{"statement_timeout": "1.5 h", "temp_file_limit": "512 kB"}',
        {},
    ],
)
def test_limits_that_postgresql_takes(written: Any) -> None:
    assert values.find_faults({"ctaudit_auditor_limits": written}) == []


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"statement_timeout": "10m"}, 'with the unit ms, s, min, h or d, such as "10min"'),
        ({"statement_timeout": "10 minutes"}, ".statement_timeout is"),
        ({"statement_timeout": "-1"}, ".statement_timeout is"),
        ({"temp_file_limit": "10G"}, 'with the unit kB, MB, GB or TB, such as "10GB"'),
        ({"temp_file_limit": "10 GiB"}, ".temp_file_limit is"),
        ({"temp_file_limit": "10GB'; DROP ROLE"}, ".temp_file_limit is"),
    ],
)
def test_limits_that_postgresql_would_refuse(written: Any, words: str) -> None:
    [fault] = values.find_faults({"ctaudit_auditor_limits": written})
    assert words in fault


_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "written", ["", _PEM, f"subject=CN = db\n{_PEM}", _PEM.replace("\n", "\r\n")]
)
def test_a_certificate(written: str) -> None:
    assert values.find_faults({"ctaudit_database_ca": written}) == []


@pytest.mark.parametrize("written", ["/etc/ssl/ca.pem", "q7x2k9", _PEM.replace("\n", "\\n")])
@pytest.mark.parametrize("name", ["ctaudit_database_ca", "ctaudit_database_client_key"])
def test_no_certificate(name: str, written: str) -> None:
    """A file's name would have become the content of the file that libpq reads."""
    [fault] = values.find_faults({name: written})
    assert fault.startswith(f"{name} has no line -----BEGIN ...-----; write what the file has")
    assert "q7x2k9" not in fault


def test_an_archive_s_key() -> None:
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"
    assert values.find_faults({"ctaudit_repository": {"uri": "file:/srv", "key": key}}) == []
    [fault] = values.find_faults({"ctaudit_repository": {"uri": "file:/srv", "key": "a.asc"}})
    assert fault.startswith("ctaudit_repository.key has no line")
