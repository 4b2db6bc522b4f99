"""The password of a connection string is taken out of what everybody can read."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.unit.role_filters import load_role_file

dsn = load_role_file("filter_plugins/ctaudit_dsn.py")
FILE = "/var/lib/ctaudit/.pgpass"

WRITTEN = [
    "",
    "host=db dbname=ctaudit user=gw1 password=q7x2k9",
    "host = db  dbname= ctaudit password ='q7 x2\\'k\\\\9' user=gw1",
    "service=ctaudit",
    "host=db password=it's\\ q7",
    "host=a,b port=5432,6432 dbname=ctaudit target_session_attrs=read-write password=q7x2k9",
    "host='' options='-c statement_timeout=0' password=q7\\ x2",
    "postgresql://gw1:q7x2k9@db/ctaudit",
    "postgres://gw1:q7%40x%2F2@db:6432/ctaudit?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    "postgresql://gw1@[2001:db8::1]:5432,[2001:db8::2]/ctaudit?password=q7x2k9",
    "postgresql://%2Fvar%2Frun%2Fpostgresql/ctaudit",
    "postgresql:///ctaudit?host=/tmp&user=gw1&application_name=a%20b+c",
    "postgresql://db?ssl=true",
    "postgresql://",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_parameters_as_libpq_reads_them(written: str) -> None:
    theirs = {key: value for key, value in conninfo_to_dict(written).items() if value != ""}
    ours = {key: value for key, value in dsn.parse_dsn(written).items() if value != ""}
    assert ours == theirs


@pytest.mark.parametrize("written", WRITTEN)
def test_without_its_password(written: str) -> None:
    theirs = {key: value for key, value in conninfo_to_dict(written).items() if value != ""}
    password = theirs.pop("password", "")
    public = dsn.public_dsn(written, {"passfile": FILE if password else ""})
    assert "q7" not in public
    said = {key: value for key, value in conninfo_to_dict(public).items() if value != ""}
    assert said == {**theirs, **({"passfile": FILE} if password else {})}
    assert dsn.find_password(written) == password
    if not password:
        assert public == written


@pytest.mark.parametrize(
    "written",
    ["nonsense", "host", "host=db password='q7x2k9", "postgresql://a:b:c", "= a"],
)
def test_not_a_connection_string(written: str) -> None:
    [fault] = dsn.find_dsn_faults(written, "ctaudit_config.database.dsn")
    assert fault.startswith("ctaudit_config.database.dsn: not a libpq connection string; write ")
    assert "q7x2k9" not in fault


@pytest.mark.parametrize(
    ("written", "password", "words"),
    [
        ("host=db sslpassword=q7x2k9", "", "sslpassword"),
        ("host=db password=q7x2k9", "other", "different passwords"),
        ("host=db password=q7x2k9 passfile=/a", "", "passfile as well"),
        ("host=db passfile=/a", "q7x2k9", "passfile as well"),
        ("host=db password='q7x2k9\n'", "", "line break"),
        ("postgresql://gw1:q7x2k9%0A@db", "", "line break"),
    ],
)
def test_what_the_role_cannot_do(written: str, password: str, words: str) -> None:
    [fault] = dsn.find_dsn_faults(written, "dsn", password)
    assert words in fault
    assert "q7x2k9" not in fault


@pytest.mark.parametrize("written", WRITTEN)
def test_nothing_against_the_others(written: str) -> None:
    assert dsn.find_dsn_faults(written, "dsn") == []


def test_line_of_the_file() -> None:
    line = dsn.format_passfile("host=db user=a:b", "q7:x\\2")
    assert line == "*:*:*:a\\:b:q7\\:x\\\\2"
    assert dsn.format_passfile("host=db", "q") == "*:*:*:*:q"


def test_what_is_added_and_what_stands_already() -> None:
    also = {"sslrootcert": "/a b", "sslcert": "", "host": "other"}
    assert dsn.public_dsn("host=db", also) == "host=db sslrootcert='/a b'"
    assert dsn.public_dsn("nonsense", also) == ""


def test_a_word_of_a_unit() -> None:
    assert dsn.format_word("host=db options='-c a=$b' x=%d \\\"") == (
        '"host=db options=\'-c a=$$b\' x=%%d \\\\\\""'
    )
