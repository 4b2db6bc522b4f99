"""config show and check, as the command line prints them."""

from __future__ import annotations

import json
import os
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from ctaudit.admin.config_values import Here, Shown, list_shown, look_here
from ctaudit.cli import main
from ctaudit.config import Config, load_config, read_config
from ctaudit.config.key import list_all
from ctaudit.host import seen_scope
from ctaudit.host.seen_scope import UNKNOWN, SeenScope, read_scope_of, save_scope

Print = pytest.CaptureFixture[str]
NOW = 1_771_757_983 * 10**9
FULL = """
node = "gw1"
procedure = "site.record"
[socket]
receive_buffer = "65536KiB"
[database]
dsn = "host=db dbname=ctaudit"
[batch]
wait = "1500ms"
[spool]
keep = "3600s"
[scope]
public = ["1.2.3.0/28", "2001:db8::1"]
internal = []
[filter]
rules = ["deny zone 7", "deny orig_dst 10.0.0.0/8,192.168.0.0/16 orig_dport 53,5060-5070"]
[output.siem]
to = "unix:/run/collector"
"""


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without variables of libpq and without what this host may have saved of itself."""
    for name in list(os.environ):
        if name.startswith("PG"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(
        "ctaudit.admin.config_values.read_scope",
        lambda: seen_scope.read_scope(tmp_path / "scope.json"),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ctaudit.toml"
    path.write_text(FULL)
    return path


def show(file: Path, capsys: Print) -> dict[str, dict[str, Any]]:
    assert main(["config", "show", "--json", "--config", str(file)]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["file"], plain["exists"]) == (str(file), True)
    return {item["key"]: item for item in plain["keys"]}


def list_by_path(
    file: Path, seen: SeenScope = UNKNOWN, environment: dict[str, str] | None = None
) -> dict[str, Shown]:
    here = Here(seen, "ctaudit-scope.service", environment or {}, NOW)
    shown = list_shown(read_config(file), here)
    return {item.path: item for item in shown}


def check(file: Path, capsys: Print, status: int) -> tuple[str, list[str]]:
    """What stands on standard output, and the sentences on standard error."""
    assert main(["config", "check", str(file)]) == status
    said = capsys.readouterr()
    return said.out, [line.removeprefix(f"ctaudit: {file}: ") for line in said.err.splitlines()]


def test_what_is_shown_is_the_configuration(file: Path, tmp_path: Path, capsys: Print) -> None:
    """The text is TOML, and gives the same values as the file."""
    assert main(["config", "show", "--config", str(file)]) == 0
    again = tmp_path / "again.toml"
    again.write_text(capsys.readouterr().out)
    assert load_config(again) == load_config(file)


def test_all_defaults_are_shown_as_toml(tmp_path: Path, capsys: Print) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert main(["config", "show", "--config", str(empty)]) == 0
    text = capsys.readouterr().out
    tomllib.loads(text)
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert load_config(again) == Config()
    assert '# procedure = "ctaudit.record_live"  # default: ctaudit.record_live, ' in text
    assert "\n# to =                              # must be given; none is configured\n" in text


def test_every_key_is_shown(file: Path, tmp_path: Path, capsys: Print) -> None:
    every = [path for path, _ in list_all(Config)]
    assert list(show(file, capsys)) == [path.replace(".NAME.", ".siem.") for path in every]
    (tmp_path / "empty.toml").write_text("")
    assert list(show(tmp_path / "empty.toml", capsys)) == every


def test_values_are_told_for_people_and_exactly(file: Path, capsys: Print) -> None:
    keys = show(file, capsys)
    told = {
        path: tuple(keys[path][name] for name in ("value", "exact", "unit", "default", "origin"))
        for path in ("socket.receive_buffer", "spool.keep", "batch.wait", "spool.sync", "node")
    }
    assert told == {
        "socket.receive_buffer": ("64MiB", 67108864, "bytes", "128MiB", "file"),
        "spool.keep": ("1h", 3600, "seconds", "10min", "file"),
        "batch.wait": ("1500ms", 1.5, "seconds", "200ms", "file"),
        "spool.sync": ("0s", 0, "seconds", "0s", "default"),
        "node": ("gw1", None, None, None, "file"),
    }
    assert keys["node"]["default_from"] == "the host's name"
    assert keys["output.siem.form"]["words"][0] == {
        "word": "json", "meaning": "ulogd2's keys, one object a line",
    }  # fmt: skip
    assert main(["config", "show", "--config", str(file)]) == 0
    text = capsys.readouterr().out
    for line in (
        'keep = "1h"                         # file, default: "10min"; 3,600 s',
        'receive_buffer = "64MiB"            # file, default: "128MiB"; 67,108,864 bytes',
        'mode = "live"                       # default',
        'to = "unix:/run/collector"          # file',
        "# pair =                            # default: none",
    ):
        assert f"\n{line}\n" in text


def test_a_list_that_is_long_has_a_line_for_each_item(file: Path, capsys: Print) -> None:
    assert main(["config", "show", "--config", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = lines.index("rules = [                           # file, default: []")
    assert lines[begin + 1] == '    "deny zone 7",'
    assert lines[begin + 3] == "]"


def test_what_is_learned_is_told_with_its_age(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[scope]\ninternal = ["10.0.0.0/8"]\n')
    seen = SeenScope(["1.2.3.4/32"], ["192.168.0.0/16"], seen_at=NOW - 12 * 60 * 10**9)
    keys = list_by_path(file, seen)
    public, internal = keys["scope.public"], keys["scope.internal"]
    assert (public.value, public.origin, public.note) == (
        ["1.2.3.4/32"], "learned", "seen 12 min ago",
    )  # fmt: skip
    assert (internal.value, internal.origin, internal.note) == (["10.0.0.0/8"], "file", "")


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        (UNKNOWN, "nothing was seen in the last two hours"),
        (SeenScope(None, None, seen_at=NOW), "does not tell"),
    ],
)
def test_what_is_not_learned_has_no_value(tmp_path: Path, seen: SeenScope, note: str) -> None:
    (tmp_path / "a.toml").write_text("")
    public = list_by_path(tmp_path / "a.toml", seen)["scope.public"]
    assert (public.value, public.origin) == (None, "learned")
    assert note in public.note


def test_the_scope_of_an_instance_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its namespace is another one than that of who asks."""
    monkeypatch.setattr("ctaudit.admin.units.DEFAULT_PATH", tmp_path / "ctaudit.toml")
    monkeypatch.setattr(
        "ctaudit.admin.config_values.read_scope_of", lambda name: read_scope_of(name, tmp_path)
    )
    seen_at = time.time_ns()
    save_scope(SeenScope(["1.2.3.4/32"], [], seen_at=seen_at), tmp_path / "scope-gw2.json")
    saved = json.loads((tmp_path / "scope-gw2.json").read_text())
    (tmp_path / "scope-gw2.json").write_text(json.dumps({**saved, "namespace": 1}))
    save_scope(SeenScope(["5.6.7.8/32"], [], seen_at=seen_at), tmp_path / "scope.json")
    gw2 = look_here(tmp_path / "gw2.toml")
    assert (gw2.scope.public, gw2.unit) == (["1.2.3.4/32"], "ctaudit-scope@gw2.service")
    assert look_here(tmp_path / "gw3.toml").scope == UNKNOWN
    for path in (None, tmp_path / "ctaudit.toml", tmp_path / "other" / "gw2.toml"):
        own = look_here(path)
        assert (own.scope.public, own.unit) == (["5.6.7.8/32"], "ctaudit-scope.service")


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db password=gehe1m",
        "postgresql://gw1:gehe1m@db/ctaudit",
        "host=db sslpassword='gehe1m x'",
    ],
)
def test_a_secret_is_hidden(tmp_path: Path, capsys: Print, dsn: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(f"[database]\ndsn = {json.dumps(dsn)}\n")
    for words in ([], ["--json"]):
        assert main(["config", "show", "--config", str(file), *words]) == 0
        said = capsys.readouterr()
        assert "gehe1m" not in said.out + said.err
        assert "***" in said.out
        assert "its secret is hidden" in said.out
    assert main(["config", "check", str(file)]) == 0
    said = capsys.readouterr()
    assert "gehe1m" not in said.out + said.err


def test_a_connection_string_that_is_none_is_not_repeated(tmp_path: Path, capsys: Print) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[database]\ndsn = "hosts=db password=gehe1m"\n')
    assert main(["config", "show", "--config", str(file)]) == 2
    said = capsys.readouterr()
    assert "gehe1m" not in said.out + said.err
    _, (sentence,) = check(file, capsys, 2)
    assert sentence.startswith("database.dsn: not a libpq connection string")


def test_what_libpq_takes_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("")
    environment = {"PGHOST": "db", "PGPASSWORD": "gehe1m", "PGUSER": "a b", "PGX": "x"}
    dsn = list_by_path(file, environment=environment)["database.dsn"]
    assert dsn.origin == "environment"
    assert conninfo_to_dict(dsn.value) == {"host": "db", "password": "***", "user": "a b"}
    assert "gehe1m" not in str(dsn)
    assert "PGUSER" in dsn.note and "PGX" not in dsn.note
    assert "a service has an environment of its own" in dsn.note
    file.write_text('[database]\ndsn = "host=other"\n')
    dsn = list_by_path(file, environment=environment)["database.dsn"]
    assert (dsn.value, dsn.origin) == ("host=other", "file")
    assert "PGUSER" in dsn.note and "PGHOST" not in dsn.note


def test_a_file_that_is_not_there(
    tmp_path: Path, capsys: Print, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the default path it means every default; where it was named it is an error."""
    missing = tmp_path / "ctaudit.toml"
    monkeypatch.setattr("ctaudit.config.file.DEFAULT_PATH", missing)
    assert main(["config", "show"]) == 0
    said = f"{missing} does not exist: every key has its default"
    assert capsys.readouterr().out.startswith(f"# {said}\n")
    assert main(["config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exists"] is False
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == f"{said}; no error\n"
    for words in (["show", "--config", str(missing)], ["check", str(missing)]):
        assert main(["config", *words]) == 2
        assert "no such configuration file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["show", "--config"], ["check"], ["check", "--json"]])
def test_a_file_that_cannot_be_read(
    file: Path, capsys: Print, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Nothing is shown: its values are not known."""

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert main(["config", *words, str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"ctaudit: {file}: cannot be read: Permission denied; run this as")


def test_show_refuses_what_the_services_refuse(tmp_path: Path, capsys: Print) -> None:
    file = tmp_path / "a.toml"
    file.write_text('mode = "all"\nnodes = 1\n')
    assert main(["config", "show", "--config", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "mode = 'all'" in said.err
    assert said.err.endswith("; ctaudit config check names all faults\n")


def test_check_names_all_that_is_wrong(tmp_path: Path, capsys: Print) -> None:
    file = tmp_path / "a.toml"
    file.write_text(
        'node = "a b"\npair = "gw1"\nnodes = 1\n'
        '[socket]\nreceive_buffer = "2MiB"\nreceive_buffer_max = "1MiB"\n'
        '[spool]\nmax_bytes = "1GB"\nsegment_bytes = "1GiB"\n'
        "[database]\nenabled = false\n"
        '[filter]\nrules = ["deny prot udp"]\n'
        '[output."a/b"]\nto = "/a"\n[output.b]\n[output.c]\nto = "c"\n'
    )
    out, said = check(file, capsys, 2)
    assert out == ""
    begins = (
        "node = 'a b'", "nodes: unknown key", "spool.max_bytes = '1GB'", "output = {",
        "output.b.to: is",
        "output.c.to = 'c'", "socket.receive_buffer_max = 1MiB must be at least",
        "filter.rules: rule 1, 'deny prot udp'",
    )  # fmt: skip
    assert [sentence.startswith(begin) for sentence, begin in zip(said, begins, strict=True)] == [
        True
    ] * len(begins), said
    assert main(["config", "check", "--json", str(file)]) == 2
    plain = json.loads(capsys.readouterr().out)
    assert plain["errors"] == [f"{file}: {sentence}" for sentence in said]
    assert plain["warnings"] == []


def test_the_first_of_all_faults_is_what_a_service_says(tmp_path: Path, capsys: Print) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[journal]\nrate = -1\nburst = -1\n[dumps]\ninterval = 5\n")
    faults = read_config(file).faults
    assert [fault.split(" = ")[0] for fault in faults] == [
        f"{file}: journal.rate", f"{file}: journal.burst", f"{file}: dumps.interval",
    ]  # fmt: skip
    assert main(["filter", "show", "--config", str(file)]) == 2
    assert capsys.readouterr().err == f"ctaudit: {faults[0]}\n"


def test_check_of_a_good_file(file: Path, capsys: Print) -> None:
    assert check(file, capsys, 0) == (f"{file} gives 10 keys; no error\n", [])
    assert main(["config", "check", "--config", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(file), "exists": True, "errors": [], "warnings": [],
    }  # fmt: skip
    assert main(["config", "check", str(file), "--config", str(file)]) == 2


def test_a_warning_is_no_error(tmp_path: Path, capsys: Print) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[journal]\nrate = 0\nburst = 5\n")
    out, (warning,) = check(file, capsys, 0)
    assert out == f"{file} gives 2 keys; no error\n"
    assert warning.startswith(f"ctaudit: warning: {file}: journal.burst = 5 has no effect")
