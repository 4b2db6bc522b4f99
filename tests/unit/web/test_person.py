"""Who asks: by the web server's header over the socket file, by nothing on loopback."""

from __future__ import annotations

import pytest

pytest.importorskip("flask")

from werkzeug.datastructures import EnvironHeaders
from werkzeug.test import EnvironBuilder

from ctaudit.web.person import Person, UnnamedError, find_person
from ctaudit.web.settings import WebSettings


def settings(path: str | None = "/run/web.sock", header: str = "X-Remote-User") -> WebSettings:
    return WebSettings("", path, "127.0.0.1", 0 if path else 8037, header,
                       frozenset({"boss", "Šéf"}), 30.0)  # fmt: skip


def named(*sent: bytes, header: str = "X-Remote-User") -> Person:
    """As WSGI servers hand a header's bytes over: a character for each, several joined."""
    environ = EnvironBuilder().get_environ()
    if sent:
        key = f"HTTP_{header.upper().replace('-', '_')}"
        environ[key] = b", ".join(sent).decode("latin-1")
    return find_person(EnvironHeaders(environ), settings(header=header))


def refused(*sent: bytes) -> str:
    with pytest.raises(UnnamedError) as caught:
        named(*sent)
    return str(caught.value)


def test_the_name_that_the_web_server_sets() -> None:
    assert named(b"alice") == Person("alice")
    assert named(b"  alice \t") == Person("alice")
    assert named(b"alice", header="Remote-Name") == Person("alice")
    assert named(b"alice@EXAMPLE.NET").name == "alice@EXAMPLE.NET"


def test_supervisors_by_their_whole_name() -> None:
    assert named(b"boss").sees_all
    for name in (b"Boss", b"boss2", b"bos"):
        assert not named(name).sees_all


def test_names_are_in_utf_8() -> None:
    assert named("Žofie Šťastná".encode()) == Person("Žofie Šťastná")
    assert named("Šéf".encode()).sees_all
    assert "not in UTF-8" in refused("Žofie".encode("iso-8859-2"))
    assert "not in UTF-8" in refused(b"\xff\xfe")


@pytest.mark.parametrize("sent", [(), (b"",), (b"   ",)])
def test_nobody(sent: tuple[bytes, ...]) -> None:
    assert "did not say who asks: it must set the header X-Remote-User" in refused(*sent)


def test_two_headers_are_no_name() -> None:
    assert "has a comma" in refused(b"eve", b"alice")
    assert "has a comma" in refused(b"eve,alice")


@pytest.mark.parametrize(
    "name", [b"a\nb", b"a\x00b", b"a\tb", "a\u202eb".encode(), "a\u200bb".encode(), b"a" * 201,
             "é".encode() * 201]
)  # fmt: skip
def test_what_is_no_name(name: bytes) -> None:
    assert "at most 200 printable characters" in refused(name)


def test_a_long_name_is_counted_in_characters() -> None:
    assert named("é".encode() * 200).name == "é" * 200


def test_on_loopback_the_header_is_not_read() -> None:
    for name in ("alice", "boss", "a,b", "\x00"):
        assert find_person({"X-Remote-User": name}, settings(None)) == Person(None)


def test_who_sees_what() -> None:
    assert Person("alice").may_see("alice")
    assert not Person("alice").may_see("bob")
    assert not Person("alice").may_see(None)
    assert Person(None).may_see(None)
    assert not Person(None).may_see("alice")
    assert Person("boss", sees_all=True).may_see("alice")
    assert Person("boss", sees_all=True).may_see(None)
