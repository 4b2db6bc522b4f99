"""ctaudit-web: from apt install to a page for a person, shut in, and purged again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machines.machine import Machine
from lab.machines.sandbox import expect_low_exposure
from lab.package import web_package
from tests.package.installation import Installation, apt, install, is_here

UNIT = "ctaudit-web.service"
SOCKET = "/run/ctaudit-web/web.sock"
_ASK = f"""
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
try:
    connection.connect("{SOCKET}")
except PermissionError as error:
    sys.exit(f"refused: {{error}}")
lines = [f"GET {{sys.argv[1]}} HTTP/1.0", "Host: audit.example.net", *sys.argv[2:], "", ""]
connection.sendall("\\r\\n".join(lines).encode())
print(connection.makefile().read())
"""
_PERSON = "X-Remote-User: audrey"


def ask(machine: Machine, user: str, path: str, *headers: str) -> str:
    """The answer to a GET over the socket, or why the user cannot connect."""
    words = ["python3", "-c", _ASK, path, *headers]
    done = machine.run(words, user=user, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages(installed: Installation, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """As docs/web.md has it, and gone afterwards."""
    machine = installed.machine
    if not is_here():
        done = machine.run(["ctaudit", "web"], check=False)
        assert (done.returncode, "apt install ctaudit-web" in done.stderr) == (2, True), done.stderr
        install(machine, web_package(request.getfixturevalue("package")))
    machine.run(["ctaudit", "setup", "--local"])
    machine.run(["adduser", "www-data", "ctaudit-web"])
    yield installed
    if is_here():
        return
    apt(machine, "purge", "ctaudit-web")
    for database in ("passwd", "group"):
        assert "ctaudit-web" not in machine.run(["getent", database]).stdout
    left = machine.run(["find", "/etc", "/run", "/usr", "/var/lib", "-name", "*ctaudit-web*"])
    assert left.stdout == ""


def test_a_member_of_its_group_gets_a_page_for_a_person(pages: Installation) -> None:
    answer = ask(pages.machine, "www-data", "/inquiries.json", _PERSON)
    assert answer.startswith(("HTTP/1.0 200 ", "HTTP/1.1 200 ")), answer
    assert "application/json" in answer


def test_nobody_else_can_connect(pages: Installation) -> None:
    assert "refused: " in ask(pages.machine, "nobody", "/", _PERSON)
    shown = pages.machine.run(["stat", "-c", "%U:%G %a", SOCKET, str(Path(SOCKET).parent)])
    assert shown.stdout.splitlines() == [
        "ctaudit-web:ctaudit-web 660",
        "ctaudit-web:ctaudit-web 750",
    ]


def test_it_is_its_own_user_and_shut_in(pages: Installation) -> None:
    machine = pages.machine
    assert machine.show(UNIT, "ActiveState") == "active"
    assert machine.show(UNIT, "UnitFileState") == "enabled"
    [process] = machine.processes(UNIT)
    status = Path(f"/proc/{process}/status").read_text()
    assert "\nCapBnd:\t0000000000000000\n" in status
    assert "\nNoNewPrivs:\t1\n" in status
    assert machine.run(["id", "-Gn", "ctaudit-web"]).stdout.split() == ["ctaudit-web"]
    expect_low_exposure(pages.gateway, UNIT)
    said = machine.run(["journalctl", "--no-pager", "-u", UNIT]).stdout
    assert "Traceback" not in said


def test_what_comes_with_it(pages: Installation) -> None:
    machine = pages.machine
    machine.run(["man", "--pager=cat", "8", "ctaudit-web.service"])
    machine.run(["zcat", "/usr/share/doc/ctaudit-web/web.md.gz"])
    for server in ("apache", "nginx"):
        machine.run(["test", "-s", f"/usr/share/doc/ctaudit-web/examples/web-{server}.conf"])
