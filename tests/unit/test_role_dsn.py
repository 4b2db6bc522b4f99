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
    "postgresql://gw1:?q7x2k9@db/ctaudit?sslmode=require",
    "postgresql://gw1:q7?x2=k9@db?user=a@b",
    "postgresql://db?ssl=true",
    "postgresql://gw1:q7x2k9@db/ctaudit?options=-c%20lock_timeout%3D5s%20-c%20application_name%3Da",
    "postgresql://",
    # No white space to libpq: somebody has copied them from a page.
    "host=db\u00a0 password=q7\u2003x2k9\u00a0 user=gw1",
    "postgresql://gw1:q7%25x2k9@db/my%25db",
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
    [
        "nonsense",
        "host",
        "host=db password='q7x2k9",
        "postgresql://a:b:c",
        "= a",
        # libpq would take it for the database's name, and each user would read it.
        "postgresql://gw1:12/q7x2k9@db/ctaudit",
        "postgresql://gw1:q7x2k9/@db/ctaudit",
        "postgresql://gw1:q7x2k9%ff@db/ctaudit",
        "postgresql://gw1:q7x2k9%@db/ctaudit",
        "postgresql://gw1:q7x2k9%00@db/ctaudit",
        "postgresql://db/my%db",
        # The host gw1 and its port 12, to libpq.
        "postgresql://gw1:12?q7x2k9/@db/ctaudit?sslmode=require",
        "postgresql://gw1:12?/q7x2k9@db/ctaudit?sslkey=/etc/key",
    ],
)
def test_not_a_connection_string(written: str) -> None:
    [fault] = dsn.find_dsn_faults(written, "ctaudit_config.database.dsn")
    assert fault.startswith("ctaudit_config.database.dsn: not a libpq connection string; write ")
    assert "q7x2k9" not in fault


@pytest.mark.parametrize(
    ("written", "password", "words"),
    [
        ("host=db sslpassword=q7x2k9", "", "sslpassword"),
        ("host=db passwd=q7x2k9", "", "has passwd"),
        ("host=db pasword=q7x2k9", "", "has pasword"),
        ("host=db PWD=q7x2k9", "", "has pwd"),
        ("postgresql://db/ctaudit?Password=q7x2k9", "", "has Password"),
        ("host=db oauth_client_secret=q7x2k9", "", "has oauth_client_secret"),
        ("host=db scram_client_key=q7x2k9", "", "has scram_client_key"),
        ("host=db;password=q7x2k9;user=gw1", "", "its host holds what may be a password"),
        ("Server=db;Password=q7x2k9", "", "its server holds"),
        ("dbname='postgresql://gw1:q7x2k9@db/ctaudit'", "", "its dbname holds"),
        ("DATABASE_URL=postgresql://gw1:a/q7x2k9@db/ctaudit", "", "its database_url holds"),
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


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("host=db dbname=ctaudit user=gw1", ""),
        ("host=db dbname=ctaudit user=gw1", "q7x2k9"),
        ("postgresql://gw1:q7x2k9@db/ctaudit", "q7x2k9"),
        ("nonsense", ""),
    ],
)
def test_a_login_that_the_role_makes(written: str, made: str) -> None:
    assert dsn.find_managed_faults(written, "dsn", made) == []


@pytest.mark.parametrize("made", ["", "other"])
@pytest.mark.parametrize("written", ["dbname=ctaudit password=q7x2k9", "postgresql://a:q7x2k9@/b"])
def test_a_password_of_no_login(written: str, made: str) -> None:
    """On the gateway itself nothing asks for one, and no file of it is written."""
    [fault] = dsn.find_managed_faults(written, "dsn", made)
    assert fault.startswith("dsn: has a password other than that of the login")
    assert "ctaudit_database_manage to false" in fault
    assert "q7x2k9" not in fault


def test_user() -> None:
    assert dsn.find_user("postgresql://gw1:q@db/ctaudit") == "gw1"
    assert dsn.find_user("host=db") == dsn.find_user("nonsense") == ""


def test_line_of_the_file() -> None:
    line = dsn.format_passfile("host=db user=a:b", "q7:x\\2")
    assert line == "*:*:*:a\\:b:q7\\:x\\\\2"
    assert dsn.format_passfile("host=db", "q") == "*:*:*:*:q"


def test_what_is_added_and_what_stands_already() -> None:
    also = {"sslrootcert": "/a b", "sslcert": "", "host": "other"}
    assert dsn.public_dsn("host=db", also) == "host=db sslrootcert='/a b'"
    assert dsn.public_dsn("nonsense", also) == ""


def test_an_at_sign_in_the_password_is_not_the_hosts() -> None:
    """By libpq's reading the password ends at the first one, and the host's name has the rest."""
    written = "postgresql://gw1:q7@x2@db/ctaudit"
    assert "x2" not in dsn.public_dsn(written)


def test_a_word_of_a_unit() -> None:
    assert dsn.format_word("host=db options='-c a=$b' x=%d \\\"") == (
        '"host=db options=\'-c a=$$b\' x=%%d \\\\\\""'
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("host=db password=q7x2k9", "has a password, which every user of the host could read"),
        ("postgresql://gw1:q7x2k9@db/ctaudit", "name a file that the service alone reads"),
        ("postgresql://gw1:q7/x2k9@db/ctaudit", "not a libpq connection string"),
        ("host=db sslpassword=q7x2k9", "has sslpassword"),
    ],
)
def test_a_password_that_nobody_takes_out(written: str, words: str) -> None:
    [fault] = dsn.find_open_faults(written, "ctaudit_config.web.dsn")
    assert fault.startswith("ctaudit_config.web.dsn: ")
    assert words in fault
    assert "x2k9" not in fault


@pytest.mark.parametrize("written", ["", "service=ctaudit", "host=/tmp passfile=/etc/web.pgpass"])
def test_what_may_stand_there(written: str) -> None:
    assert dsn.find_open_faults(written, "ctaudit_config.web.dsn") == []


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/srv/spool", '"/srv/spool"'),
        ("/srv/ct audit/100%", '"/srv/ct audit/100%%"'),
        ('/srv/"a\\b$c', '"/srv/\\"a\\\\b$c"'),
    ],
)
def test_a_path_of_a_unit(path: str, written: str) -> None:
    assert dsn.format_path(path) == written
