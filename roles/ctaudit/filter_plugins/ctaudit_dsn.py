"""Connection strings of libpq ("Connection Strings"), with the password apart from the rest.

What stands in ctaudit.toml every user of a gateway reads; the password goes into a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

_SCHEME = re.compile(r"postgres(?:ql)?://")
# White space is that of ASCII: a no-break space is part of a value, as to libpq.
_PAIR = re.compile(
    r"\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?!')(?:[^\s\\]|\\.)*)(?=\s|$)",
    re.DOTALL | re.ASCII,
)
_SPACE = " \t\n\r\f\v"
# What libpq does not decode: "%" before anything but two digits, and the NUL that ends a text.
_NO_CHARACTER = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_ADVICE = (
    'write "host=... dbname=... user=..." or postgresql://user@host/dbname, where "@", "/", "?" '
    'and "%" of a password are %40, %2F, %3F and %25'
)
# Keys of libpq that hold no secret though their names sound like it.
_HARMLESS = {"passfile", "sslkey"}
_SECRET_KEY = re.compile(r"pas|pwd|secret|key$")
# A connection string, of libpq or of another driver, in a value of this one.
_SECRET_VALUE = re.compile(r"(?is)(pass\w*|pwd)\s*=|://.*@")


def parse_dsn(dsn: str) -> dict[str, str]:
    """Its parameters. Raises ValueError, whose text repeats nothing of it."""
    if not _SCHEME.match(dsn):
        return _parse_pairs(dsn)
    try:
        return _parse_uri(_SCHEME.sub("", dsn, count=1))
    except UnicodeDecodeError:
        raise _refuse() from None


def public_dsn(dsn: str, also: Mapping[str, str] | None = None) -> str:
    """The same without its password, and with those of ``also`` that it does not have.

    As it is where nothing changes; "" for what is no connection string.
    """
    try:
        given = parse_dsn(dsn)
    except ValueError:
        return ""  # find_dsn_faults says so
    public = {key: value for key, value in given.items() if key != "password"}
    for key, value in (also or {}).items():
        if value:
            public.setdefault(key, value)
    return dsn if public == given else format_dsn(public)


def find_password(dsn: str) -> str:
    """That of the connection string; "" where there is none."""
    try:
        return parse_dsn(dsn).get("password", "")
    except ValueError:
        return ""


def find_user(dsn: str) -> str:
    """That of the connection string; "" where there is none."""
    try:
        return parse_dsn(dsn).get("user", "")
    except ValueError:
        return ""


def find_host(dsn: str) -> str:
    """That of the connection string; "" where there is none."""
    try:
        return parse_dsn(dsn).get("host", "")
    except ValueError:
        return ""


def format_dsn(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{key}={_quote(value)}" for key, value in parameters.items())


def format_passfile(dsn: str, password: str) -> str:
    """The line of a passfile (libpq, "The Password File") for this connection's user."""
    user = parse_dsn(dsn).get("user", "*")
    return f"*:*:*:{_escape(user)}:{_escape(password)}"


def find_dsn_faults(dsn: str, name: str, password: str = "") -> list[str]:
    """Sentences on what the role cannot do with it; ``password``: that of a variable beside it."""
    try:
        parameters = parse_dsn(dsn)
    except ValueError as error:
        return [f"{name}: {error}"]
    faults = []
    for key, value in parameters.items():
        if key == "password":
            continue
        if _SECRET_KEY.search(key.lower()) and key not in _HARMLESS:
            faults.append(
                f"{name}: has {key}, which every user of the gateway could read; "
                f"{_explain_key(key)}"
            )
        elif _SECRET_VALUE.search(value):
            faults.append(f"{name}: its {key} holds what may be a password; {_ADVICE}")
    own = parameters.get("password", "")
    if own and password and own != password:
        faults.append(f"{name} and ctaudit_database_password have different passwords; set one")
    secret = own or password
    if secret and "passfile" in parameters:
        faults.append(f"{name}: has a password and passfile as well; take one of them")
    if any(ord(character) < 32 for character in secret):
        faults.append(f"{name}: its password has a line break or a control character")
    return faults


def find_managed_faults(dsn: str, name: str, password: str = "") -> list[str]:
    """Sentences on what stands against a login that the role makes.

    ``password``: the one that it gets; "" where it gets none.
    """
    if find_password(dsn) in ("", password):
        return []
    fault = (
        f"{name}: has a password other than that of the login, which the role makes by its "
        "variables; take it out, or set ctaudit_database_manage to false if others look after the "
        "database"
    )
    return [fault]


def find_open_faults(dsn: str, name: str) -> list[str]:
    """Sentences on one that stands in ctaudit.toml as it was written."""
    faults = find_dsn_faults(dsn, name)
    if not faults and find_password(dsn):
        faults.append(
            f"{name}: has a password, which every user of the host could read; take it out, and "
            "name a file that the service alone reads as its passfile"
        )
    return faults


def _explain_key(key: str) -> str:
    if key == "sslpassword":
        return "take a key without a passphrase in a file that only ctaudit reads"
    return "take it out; the key of a password is password"


def format_word(text: str) -> str:
    """As one word of a unit's ExecStart=, systemd.service(5)."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(character, escaped)
    return f'"{text}"'


def format_path(text: str) -> str:
    """As one path of a unit's ReadWritePaths=, systemd.exec(5)."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(character, escaped)
    return f'"{text}"'


def _parse_pairs(text: str) -> dict[str, str]:
    parameters = {}
    place = 0
    while text[place:].strip(_SPACE):
        found = _PAIR.match(text, place)
        if found is None:
            raise _refuse()
        value = found[2][1:-1] if found[2].startswith("'") else found[2]
        parameters[found[1].lower()] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        place = found.end()
    return parameters


def _parse_uri(rest: str) -> dict[str, str]:
    """What stands after the scheme: user:password@host:port,host:port/dbname?key=value."""
    parameters = {}
    # As libpq: an "@" before the first "/" ends the login, whatever stands before it.
    login, at, rest = rest.partition("@") if "@" in rest.partition("/")[0] else ("", "", rest)
    front, _, query = rest.partition("?")
    hosts, _, database = front.partition("/")
    if "@" in front:  # of a password, most likely
        raise _refuse()
    if at:
        user, colon, password = login.partition(":")
        parameters["user"] = _decode(user)
        if colon:
            parameters["password"] = _decode(password)
    pairs = [re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", part) for part in hosts.split(",")]
    if not all(pairs):
        raise _refuse()
    names = [_decode(pair[1].strip("[]")) for pair in pairs if pair]
    ports = [pair[2] or "" for pair in pairs if pair]
    if any(names):
        parameters["host"] = ",".join(names)
    if any(ports):
        parameters["port"] = ",".join(ports)
    if database:
        parameters["dbname"] = _decode(database)
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        # JDBC's, which libpq takes as well.
        key, value = (
            ("sslmode", "require") if pair == "ssl=true" else (_decode(key), _decode(value))
        )
        if not re.fullmatch(r"[A-Za-z_]+", key):  # the rest of a password with "?", most likely
            raise _refuse()
        parameters[key] = value
    return {key: value for key, value in parameters.items() if value}


def _decode(text: str) -> str:
    """Raises ValueError also for what is not UTF-8, which libpq would send byte by byte."""
    if _NO_CHARACTER.search(text):
        raise _refuse()
    return unquote(text, errors="strict")


def _refuse() -> ValueError:
    return ValueError(f"not a libpq connection string; {_ADVICE}")


def _quote(value: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _escape(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "ctaudit_public_dsn": public_dsn,
            "ctaudit_dsn_password": find_password,
            "ctaudit_dsn_user": find_user,
            "ctaudit_dsn_host": find_host,
            "ctaudit_dsn_faults": find_dsn_faults,
            "ctaudit_dsn_managed_faults": find_managed_faults,
            "ctaudit_dsn_open_faults": find_open_faults,
            "ctaudit_dsn": format_dsn,
            "ctaudit_word": format_word,
            "ctaudit_path": format_path,
            "ctaudit_passfile": format_passfile,
        }
