"""Who asks: the person that the web server names, over the socket file alone."""

from __future__ import annotations

import pytest

from ctaudit.web.person import Person, UnnamedError, find_person
from tests.unit.web.settings import on_loopback, on_socket


def test_the_web_server_names_the_person() -> None:
    person = find_person({"X-Remote-User": " audrey "}, on_socket())
    assert person == Person("audrey")
    assert person.may_see("audrey")
    assert not person.may_see("bob") and not person.may_see(None)


def test_a_supervisor_sees_all() -> None:
    person = find_person({"X-Remote-User": "sue"}, on_socket(supervisors=frozenset({"sue"})))
    assert person.may_see("bob") and person.may_see(None)


def test_another_header() -> None:
    settings = on_socket(person_header="X-Ssl-Client-Cn")
    assert find_person({"X-Ssl-Client-Cn": "audrey"}, settings).name == "audrey"
    with pytest.raises(UnnamedError, match="X-Ssl-Client-Cn"):
        find_person({"X-Remote-User": "audrey"}, settings)


@pytest.mark.parametrize("headers", [{}, {"X-Remote-User": ""}, {"X-Remote-User": "  "}])
def test_nobody_named(headers: dict[str, str]) -> None:
    with pytest.raises(UnnamedError, match="did not say who asks"):
        find_person(headers, on_socket())


@pytest.mark.parametrize("name", ["x" * 201, "a\tb", "a\x00b", "a\x1b[1m", "a\u202eb"])
def test_what_is_no_name(name: str) -> None:
    sent = name.encode().decode("latin-1")
    with pytest.raises(UnnamedError, match="is no name"):
        find_person({"X-Remote-User": sent}, on_socket())


def test_a_name_beyond_ascii() -> None:
    sent = "Zoë Müller".encode().decode("latin-1")
    assert find_person({"X-Remote-User": sent}, on_socket()).name == "Zoë Müller"
    assert find_person({"X-Remote-User": "Zo\xeb"}, on_socket()).name == "Zoë"


def test_on_loopback_no_header_is_read() -> None:
    settings = on_loopback(supervisors=frozenset({"sue"}))
    person = find_person({"X-Remote-User": "sue"}, settings)
    assert person == Person(None)
    assert person.may_see(None) and not person.may_see("sue")
