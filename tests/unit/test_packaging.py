"""What the package says of the program is what the program does."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ctaudit import __version__
from ctaudit.arguments import build_parser
from ctaudit.cli import main
from ctaudit.conntrack.event import COLUMNS, Kind
from ctaudit.database.schema import read_steps
from ctaudit.errors import (
    ASK_UNREAD,
    CHECK_GOOD,
    CHECK_NOT_FIT,
    CHECK_WARNINGS,
    FLOWS_COVERED,
    FLOWS_UNCOVERED,
    HOLDERS_PARTLY,
    IMPORT_PARTLY,
    IMPORT_WHOLE,
    INTERRUPTED,
    SUCCESS,
    UNFORESEEN,
    WHO_NONE,
    WHO_ONE,
    WHO_SEVERAL,
    WHO_UNKNOWN,
    CtauditError,
)
from ctaudit.host.log import MESSAGE_IDS

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging/debian"


def options() -> Iterator[tuple[str, set[str]]]:
    """Each command with the words that it takes, those of its own commands too."""
    for name, command in commands_of(build_parser()):
        parsers = [command, *(inner for _, inner in commands_of(command))]
        actions = [action for parser in parsers for action in parser._actions]
        words = {option for action in actions for option in action.option_strings}
        yield name, {word for word in words if word.startswith("--")}


def commands_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


COMMANDS = dict(options())


def test_version_is_the_changelog_s() -> None:
    first = (PACKAGING / "changelog").read_text().splitlines()[0]
    assert first.startswith(f"ctaudit ({__version__}-")


@pytest.mark.parametrize("file", ["README.md", "docs/install.md", "tools/apt-repo"])
def test_a_source_by_hand_is_the_role_s(file: str) -> None:
    """Two sources of one archive with keys of two names are an error of apt's."""
    role = (ROOT / "roles/ctaudit/vars/main.yml").read_text()
    text = (ROOT / file).read_text()
    for name in ("ctaudit_sources_file", "ctaudit_keyring_file"):
        path = re.search(rf"(?m)^{name}: (.+)$", role)
        assert path is not None
        assert path[1] in text, name
    template = (ROOT / "roles/ctaudit/templates/ctaudit.sources.j2").read_text()
    fields = re.findall(r"(?m)^([A-Z][A-Za-z-]+):", template)
    assert [field for field in fields if f"{field}: " not in text] == []


def test_each_unit_has_its_manual_page() -> None:
    """By its own name, in the page that its Documentation= names, that of its package."""
    units = {path.name for path in PACKAGING.iterdir() if path.suffix in (".service", ".timer")}
    pages = {"ctaudit-web.service": {"ctaudit-web.service"}}
    pages["ctaudit.service"] = units - pages["ctaudit-web.service"]
    manpages = "\n".join(path.read_text() for path in PACKAGING.glob("*.manpages"))
    installed = {Path(line).name for line in manpages.split()}
    assert installed == {path.name for path in (ROOT / "docs/man").iterdir()}
    for page, described in pages.items():
        text = (ROOT / f"docs/man/{page}.8").read_text().replace("\\-", "-")
        names = text.partition(".SH NAME\n")[2].splitlines()[0].partition(" - ")[0].split(", ")
        synopsis = text.partition(".SH SYNOPSIS\n")[2].partition(".SH")[0].split()
        assert set(names) == described
        assert described <= set(synopsis)
        for unit in described:
            named = re.findall(r"man:([\w.-]+)\((\d)\)", (PACKAGING / unit).read_text())
            assert {f"{name}.{section}" for name, section in named} <= installed
            assert (page, "8") in named, unit
    links = (PACKAGING / "ctaudit.links").read_text().splitlines()
    linked = {Path(line.split()[1]).name for line in links}
    assert linked == {f"{unit}.8" for unit in units - pages.keys()}


@pytest.mark.parametrize("page", sorted((ROOT / "docs/man").iterdir()), ids=lambda page: page.name)
def test_a_manual_page_has_the_version(page: Path) -> None:
    head = page.read_text().splitlines()[0]
    name, section = page.name.rsplit(".", 1)
    assert re.fullmatch(
        rf'\.TH {name.upper()} {section} \d{{4}}-\d\d-\d\d "ctaudit {__version__}" "[A-Z][a-z ]+"',
        head,
    ), head


def test_a_checkout_s_command_is_the_package_s() -> None:
    """Not cli's main, which knows nothing of an error that was not foreseen."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["ctaudit"].partition(":")
    assert f"from {module} import {function}" in (ROOT / "tools/setup").read_text()


def test_the_interpreter_is_kept_from_the_caller_s_environment() -> None:
    """In the package, in a checkout and on the lab's machines; see test_command_lines."""
    assert "'#!/usr/bin/python3 -I'" in (PACKAGING / "rules").read_text()
    for file in ("tools/setup", "lab/machines/gateway.py"):
        assert re.search(r"#!\S*python3? -I\b", (ROOT / file).read_text()), file


def test_package_depends_on_what_the_program_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {"psycopg": "psycopg", "pyroute2": "pyroute2", "systemd-python": "systemd"}
    declared = dict(line.split(">=") for line in project["dependencies"])
    assert declared.keys() == names.keys()
    package = (PACKAGING / "control").read_text().partition("\nPackage: ")[2]
    overrides = (PACKAGING / "py3dist-overrides").read_text().splitlines()
    for name, version in declared.items():
        wanted = f"python3-{names[name]} (>= {version})"
        assert f"\n {wanted},\n" in package
        assert f"{name} {wanted}" in overrides


def test_package_has_each_sql_file_of_an_installation() -> None:
    installed = (PACKAGING / "ctaudit.install").read_text().split()
    for step in read_steps(ROOT / "sql"):
        for file in step.files:
            path = file.relative_to(ROOT)
            assert {str(path), str(path.parent)} & set(installed), path


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_knows_each_option(command: str) -> None:
    text = (PACKAGING / "ctaudit.bash-completion").read_text()
    found = re.search(rf"(?ms)^        (?:\w+ \| )*{command}(?: \| \w+)*\)(.*?);;", text)
    assert found is not None, command
    offered = set(re.findall(r"--[a-z-]+", found[1].replace("$common", "--help --config --dsn")))
    assert offered - {"--"} == COMMANDS[command]


def test_manual_knows_each_command_and_option() -> None:
    text = (ROOT / "docs/man/ctaudit.1").read_text().replace("\\-", "-")
    for command, words in COMMANDS.items():
        assert re.search(rf"ctaudit {command}\b", text), command
        for word in words - {"--help"}:
            assert word in text, f"{command} {word}"


OWN = {
    "who": {WHO_ONE, WHO_NONE, WHO_SEVERAL, WHO_UNKNOWN},
    "ask": {SUCCESS, ASK_UNREAD, WHO_UNKNOWN},
    "flows": {FLOWS_COVERED, FLOWS_UNCOVERED},
    "traffic": {FLOWS_COVERED, FLOWS_UNCOVERED},
    "check": {CHECK_GOOD, CHECK_WARNINGS, CHECK_NOT_FIT},
    "import": {IMPORT_WHOLE, IMPORT_PARTLY, HOLDERS_PARTLY},
}
OF_ALL = {INTERRUPTED, UNFORESEEN, *(kind.exit_status for kind in CtauditError.__subclasses__())}


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command and, by two words, each command of a command."""
    for name, command in commands_of(build_parser()):
        yield name, command
        for inner, action in commands_of(command):
            yield f"{name} {inner}", action


@pytest.mark.parametrize(("name", "parser"), list(parsers()), ids=lambda value: str(value)[:20])
def test_help_names_each_exit_status_and_no_other(
    name: str, parser: argparse.ArgumentParser
) -> None:
    """And so does the manual."""
    own = OWN.get(name.partition(" ")[0], {SUCCESS})
    said = parser.format_help().partition("Exit status: ")[2]
    assert {int(number) for number in re.findall(r"\b\d+(?=\s)", said)} == own | OF_ALL
    manual = (ROOT / "docs/man/ctaudit.1").read_text().partition(".SH EXIT STATUS")[2]
    manual = manual.partition(".SH")[0]
    of_all = manual.partition(".B all\n")[2]
    assert {int(number) for number in re.findall(r"\b\d+(?=\s)", of_all)} == {SUCCESS} | OF_ALL
    if name in OWN:
        line = re.search(rf"^\.BR? .*\b{name}\b.*\n(.*)", manual, re.MULTILINE)
        assert line is not None
        assert {int(number) for number in re.findall(r"\b\d+(?=\s)", line[1])} == own


def test_manual_knows_each_key_with_its_default() -> None:
    text = (ROOT / "docs/man/ctaudit.toml.5").read_text().replace("\\-", "-")
    for line in (ROOT / "docs/ctaudit.toml").read_text().splitlines():
        if section := re.fullmatch(r"\[(\w+)\]", line):
            assert f".SS [{section[1]}]" in text
        elif key := re.fullmatch(r"(?:# )?(\w+) = (.+)", line):
            value = key[2].replace('"', '""')
            assert f'.BR {key[1]} " = {value}"' in text, line


def test_manual_knows_each_field_of_the_journal() -> None:
    text = (ROOT / "docs/man/ctaudit.journal-fields.7").read_text().replace("\\-", "-")
    described = set(re.findall(r"\bCT_[A-Z_]+\b", "\n".join(re.findall(r"(?m)^\.BR? .+", text))))
    columns = {f"CT_{column.upper()}" for column in COLUMNS if column != "kind"}
    ends = {f"CT_{end}{port}" for end in ("HOST", "PUBLIC", "REMOTE") for port in ("", "_PORT")}
    unshown = {f"CT_UNSHOWN_{kind.name}" for kind in Kind if kind is not Kind.DUMP}
    assert described == columns | ends | unshown | {"CT_EVENT", "CT_DURATION"}
    listed = dict(re.findall(r"(?m)^([0-9a-f]{32})  (.+)$", text))
    assert listed == {number: kind for kind, number in MESSAGE_IDS.items()}


def test_catalog_explains_each_fault() -> None:
    text = (PACKAGING / "ctaudit.catalog").read_text()
    entries = dict(re.findall(r"(?m)^-- ([0-9a-f]{32})\nSubject: (.+)$", text))
    assert entries.keys() == set(MESSAGE_IDS.values())
    assert len(set(entries.values())) == len(entries)


# What the unit of an instance says otherwise than the plain one, or in addition.
_OWN = {
    "ctaudit-receiver": {
        "Description", "Wants", "ExecStart", "ExecStartPre", "ReadWritePaths", "StateDirectory",
        "StateDirectoryMode",
    },
    "ctaudit": {"Description", "Wants", "After", "ExecStart", "ReadWritePaths"},
    "ctaudit-forward": {"Description", "After", "ExecCondition", "ExecStart", "ReadWritePaths"},
    "ctaudit-scope": {"Description", "ExecStart"},
    "ctaudit-metrics": {"Description", "After", "ExecStart", "ExecStartPre"},
}  # fmt: skip


def directives(unit: str, own: set[str]) -> list[str]:
    lines = (PACKAGING / unit).read_text().splitlines()
    return [line for line in lines if line[:1] not in ("#", "") and line.split("=")[0] not in own]


@pytest.mark.parametrize("name", _OWN)
def test_an_instance_s_unit_is_the_plain_one(name: str) -> None:
    own = _OWN[name]
    assert directives(f"{name}@.service", own) == directives(f"{name}.service", own)
    words = (PACKAGING / f"{name}@.service").read_text()
    assert "%i" in re.search(r"(?m)^ExecStart=.*", words)[0]  # type: ignore[index]
    assert f"--name={name}@ --no-enable" in (PACKAGING / "rules").read_text()


def test_a_service_is_back_within_a_second_of_a_kill() -> None:
    for name in ("ctaudit", "ctaudit-receiver", "ctaudit-forward", "ctaudit-web"):
        unit = f"{name}.service"
        lines = directives(unit, set())
        assert {"Restart=always", "RestartSec=1s", "StartLimitIntervalSec=0"} <= set(lines)


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        *((status, False) for status in ("0", "3", "70", "250", "KILL", "")),
        *((status, True) for status in ("203", "217", "226", "243")),
    ],
)
def test_what_systemd_cannot_start_waits(status: str, waits: bool, tmp_path: Path) -> None:
    """As the units call it after the end of a process, in each of them alike."""
    texts = [unit.read_text() for unit in PACKAGING.glob("*.service")]
    calls = [found[1] for text in texts if (found := re.search(r"(?m)^ExecStopPost=(.*)", text))]
    assert len(calls) == sum("\nRestart=always\n" in text for text in texts)
    [call] = set(calls)
    (tmp_path / "sleep").write_text("#!/bin/sh\necho waits $1\n")
    (tmp_path / "sleep").chmod(0o755)
    words = shlex.split(call.lstrip("-+").replace("$$", "$"))
    environment = {"PATH": f"{tmp_path}:/usr/bin", "EXIT_STATUS": status}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ("waits 10\n" if waits else "")


def test_the_maintenance_is_of_the_configured_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the unit calls it, with the configuration of a host that has the database itself."""
    unit = (PACKAGING / "ctaudit-maintain.service").read_text()
    call = re.search(r"(?m)^ExecStart=/usr/bin/ctaudit (.*)", unit)
    assert call is not None
    file = tmp_path / "ctaudit.toml"
    file.write_text('[database]\ndsn = "host=localhost dbname=audit user=gw1"\n')
    maintained: list[str] = []

    def maintain(dsn: str, _: object) -> list[str]:
        maintained.append(dsn)
        return []

    monkeypatch.setattr("ctaudit.database.maintenance.maintain", maintain)
    assert main([*call[1].split(), "--config", str(file)]) == 0
    assert maintained == ["dbname=audit"]


def test_the_forwarder_is_the_recorder_in_another_place() -> None:
    """The same sandbox; its own are what it reads, writes and waits for."""
    own = {
        "Description", "Wants", "After", "ExecCondition", "ExecStart", "ExecReload",
        "ReadWritePaths", "LogsDirectory", "LogsDirectoryMode", "UMask", "LogRateLimitIntervalSec",
        "LogRateLimitBurst",
    }  # fmt: skip
    assert directives("ctaudit-forward.service", own) == directives("ctaudit.service", own)


def test_the_pages_are_the_recorder_in_another_place() -> None:
    """The same sandbox; its own are its user, what it reaches, what it may use."""
    own = {
        "Description", "Documentation", "Wants", "After", "RequiresMountsFor", "ExecStart", "User",
        "Group", "TimeoutStopSec", "WatchdogSec", "LogRateLimitIntervalSec",
        "LogRateLimitBurst", "ReadWritePaths", "RuntimeDirectory", "RuntimeDirectoryMode",
        "MemoryMax", "TasksMax", "CPUWeight", "OOMScoreAdjust", "IPAddressDeny", "IPAddressAllow",
        "SocketBindDeny",
    }  # fmt: skip
    pages = directives("ctaudit-web.service", own)
    assert pages == directives("ctaudit.service", own)
    assert {"IPAddressDeny=any", "IPAddressAllow=localhost", "RuntimeDirectoryMode=0750"} <= set(
        directives("ctaudit-web.service", set())
    )


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_web_server_s_example_is_the_one_of_the_docs(server: str) -> None:
    """And tests/store/test_web_proxies.py runs it."""
    blocks = re.findall(rf"(?ms)^```{server}\n(.+?)^```$", (ROOT / "docs/web.md").read_text())
    assert blocks == [(ROOT / f"packaging/examples/web-{server}.conf").read_text()]


def test_the_forwarder_is_skipped_where_there_is_no_output() -> None:
    text = (PACKAGING / "ctaudit-forward.service").read_text()
    words = shlex.split(re.search(r"(?m)^ExecCondition=(.*)", text)[1])  # type: ignore[index]
    example = (ROOT / "docs/ctaudit.toml").read_text()
    for given, status in (
        (example, 1),
        (example.replace("# [output.siem]", "[output.siem]"), 0),
        ('[ output . "a" ]', 0),
        ('output.a.to = "/b"', 0),
        ('[output]\na = {to = "/b"}', 0),
        ("outputs = 1", 1),
    ):
        command = [*words[:2], words[2].replace("\\\\", "\\"), "-"]
        assert subprocess.run(command, input=given.encode(), check=False).returncode == status


def test_the_files_of_outputs_are_rotated() -> None:
    text = (PACKAGING / "ctaudit.logrotate").read_text()
    assert "delaycompress" in text
    assert "ctaudit-forward.service" in text
    default = re.search(r'(?m)^# to = "(.*)"', (ROOT / "docs/ctaudit.toml").read_text())
    patterns = text.splitlines()[1].split()[:-1]
    assert default is not None
    assert any(fnmatch(default[1], pattern) for pattern in patterns)


def test_what_starts_a_receiver_is_named_where_it_is_switched_off() -> None:
    """On a host that only has the database: nothing else may begin to receive at its next boot."""
    units = {unit.stem for unit in PACKAGING.glob("*.service")}
    wanting = {
        unit
        for unit in units
        if "Wants=ctaudit-receiver.service" in directives(f"{unit}.service", set())
    }
    install = (ROOT / "docs/install.md").read_text()
    lines = re.findall(r"systemctl disable --now (ctaudit-receiver [a-z -]*[a-z])", install)
    assert len(lines) == 2
    for line in lines:
        assert {"ctaudit-receiver", *wanting} == set(line.split())


def test_the_receiver_brings_the_clock_s_timer() -> None:
    assert "Wants=ctaudit-clock.timer" in directives("ctaudit-receiver.service", set())


def test_an_example_switches_off_what_a_unit_switches_on() -> None:
    """Each line that needs a namespace, in any of the units."""
    relaxed = (ROOT / "packaging/examples/no-namespaces.conf").read_text().splitlines()
    off = {line.split("=")[0] for line in relaxed if "=" in line and line[0] != "#"}
    needing = re.compile(r"(Private\w+|Protect(?!Clock)\w+|ProcSubset|ReadWritePaths)=")
    for path in PACKAGING.glob("*.service"):
        used = {found[1] for found in map(needing.match, path.read_text().splitlines()) if found}
        assert used <= off, path.name
    users = (ROOT / "packaging/examples/no-user-namespaces.conf").read_text()
    assert users.endswith("[Service]\nPrivateUsers=no\n")
