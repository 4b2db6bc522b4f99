"""Forms of values: each reads the TOML value of a key, and writes the field's value as TOML has it.

A value that is not of the form raises what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_MOST_NETWORKS = 256  # the receiver's note of them must fit into the rest of a segment
_MOST_SOCKET_PATH = 107  # bytes, unix(7)
_DESTINATIONS = (
    'must be a file, "/var/log/ctaudit/nfct.json", or a collector\'s socket, '
    '"unix:/run/collector" or "tcp:192.0.2.5:514"'
)
_LISTENED = (
    'must be a socket file, "unix:/run/ctaudit-web/web.sock", or a port of loopback, '
    '"127.0.0.1:8037" or "[::1]:8037": a web server before it speaks to others'
)
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NAME = "1 to 63 letters, digits, '.', '_' or '-', as a host's name is"
_PROCEDURE = 'a procedure\'s name with its schema, such as "ctaudit.record_live"'

Reader = Callable[[Any], Any]


class Refused(ValueError):
    """What is allowed, without the key's path."""


@dataclass(frozen=True)
class Form:
    """``kind``: size, duration, word and text are strings in TOML; number, flag and list are not.

    ``read`` raises Refused. ``allowed``: what the documentation says of it, "" where the kind
    says it all. ``unit``: of the value that ``read`` gives.
    """

    kind: str
    read: Reader
    allowed: str = ""
    unit: str = ""

    def write(self, value: Any) -> Any:
        """The TOML value that ``read`` makes ``value`` of."""
        if self.kind == "size":
            return format_size(value)
        if self.kind == "duration":
            return format_seconds(value)
        if self.kind == "list":
            return list(value)
        return str(value) if isinstance(value, Path) else value


def read_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Refused("must be a non-empty string")
    return value


def read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused('must be a list of texts, such as ["deny proto udp reply_sport 53"]')
    return tuple(value)


def read_node(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        raise Refused(f"must be {_NAME}")
    return value


def read_procedure(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", value):
        raise Refused(f"must be {_PROCEDURE}")
    return value


def read_path(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise Refused("must be an absolute path")
    return Path(value)


def read_destination(value: Any) -> str:
    """As it is, once ``split_destination`` understands it."""
    if not isinstance(value, str):
        raise Refused(_DESTINATIONS)
    split_destination(value)
    return value


def split_destination(text: str) -> tuple[str, str, int]:
    """(kind, path or host, port): of ``/FILE``, ``unix:/SOCKET`` or ``tcp:HOST:PORT``.

    Raises Refused. The port is 0 but for "tcp".
    """
    if text.startswith("/") and not text.endswith("/"):
        return "file", text, 0
    if text.startswith("unix:/"):
        path = text.removeprefix("unix:")
        if len(path.encode()) > _MOST_SOCKET_PATH:
            raise Refused(f"names a socket of more than {_MOST_SOCKET_PATH} bytes")
        return "unix", path, 0
    found = re.fullmatch(r"tcp:(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:\[\]]+)):([0-9]{1,5})", text)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        raise Refused(_DESTINATIONS)
    return "tcp", found[1] or found[2], int(found[3])


def read_listen(value: Any) -> str:
    """As it is, once ``split_listen`` understands it."""
    if not isinstance(value, str):
        raise Refused(_LISTENED)
    split_listen(value)
    return value


def split_listen(text: str) -> tuple[str, int]:
    """(socket file, 0) of ``unix:/SOCKET``, (address of loopback, port) of ``127.0.0.1:8037``.

    Raises Refused.
    """
    if text.startswith("unix:/"):
        _, path, _ = split_destination(text)
        return path, 0
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):([0-9]{1,5})", text)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        raise Refused(_LISTENED)
    try:
        address = ip_address(found[1] or found[2])
    except ValueError:
        raise Refused(_LISTENED) from None
    if not address.is_loopback:
        raise Refused(_LISTENED)
    return str(address), int(found[3])


def read_header(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        raise Refused('must be the name of an HTTP header, such as "X-Remote-User"')
    return value


def check_output_name(name: str) -> None:
    """It names a file in the spool. Raises Refused."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", name):
        raise Refused(f"{name!r}: a name must be 1 to 32 letters, digits, '_' or '-'")


def read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("must be true or false")
    return value


def read_networks(value: Any) -> tuple[str, ...]:
    refused = Refused(
        f"must be a list of at most {_MOST_NETWORKS} addresses and networks, such as "
        '["1.2.3.0/28", "2001:db8::/48"]'
    )
    if not isinstance(value, list) or len(value) > _MOST_NETWORKS:
        raise refused
    return tuple(_read_network(item, refused) for item in value)


def _read_network(value: Any, refused: Refused) -> str:
    if not isinstance(value, str):
        raise refused
    try:
        interface = ip_interface(value)
    except ValueError:
        raise Refused(f"{value!r} is not an address or a network; the value {refused}") from None
    if interface.ip != interface.network.network_address:
        raise Refused(
            f"{value!r} has bits beyond its netmask; write the network as "
            f'"{interface.network}", or the address as "{interface.ip}"'
        )
    return str(interface.network)


def one_of(*allowed: str) -> Form:
    def read(value: Any) -> str:
        if value not in allowed:
            raise Refused("must be one of " + ", ".join(f'"{item}"' for item in allowed))
        return str(value)

    return Form("word", read)


def whole(least: int, most: int) -> Form:
    allowed = f"from {least} to {most}"

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refused(f"must be a whole number {allowed}")
        return value

    return Form("number", read, allowed)


def size(least: str, most: str) -> Form:
    read = _quantity(_BYTES, "size", '"64MiB" or "2GiB"', least, most)
    return Form("size", read, f"from {least} to {most}", "bytes")


def duration(least: str, most: str) -> Form:
    read = _quantity(_SECONDS, "duration", '"200ms", "30s", "10min" or "1h"', least, most)
    return Form("duration", read, f"from {least} to {most}", "seconds")


def _quantity(
    units: Mapping[str, float], noun: str, examples: str, least: str, most: str
) -> Reader:
    """A whole number with one of ``units``, from ``least`` to ``most``, in the unit of value 1."""

    def parse(text: str) -> float:
        found = re.fullmatch(r"([0-9]+)\s*([A-Za-z]*)", text)
        return int(found[1]) * units[found[2]] if found and found[2] in units else -1

    bottom, top = parse(least), parse(most)

    def read(value: Any) -> float:
        amount = parse(value) if isinstance(value, str) else -1
        if not bottom <= amount <= top:
            raise Refused(f'must be a {noun} from "{least}" to "{most}", such as {examples}')
        return amount

    return read


TEXT = Form("text", read_text)
TEXTS = Form("list", read_texts)
NODE = Form("text", read_node, _NAME)
PROCEDURE = Form("text", read_procedure, _PROCEDURE)
PATH = Form("text", read_path, "an absolute path")
DESTINATION = Form("text", read_destination)
LISTEN = Form("text", read_listen)
HEADER = Form("text", read_header)
FLAG = Form("flag", read_flag)
NETWORKS = Form("list", read_networks, f"at most {_MOST_NETWORKS} addresses and networks")


def format_size(size: int) -> str:
    """``67108864`` -> ``64MiB``: the largest unit that divides it."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def format_seconds(seconds: float) -> str:
    """``600.0`` -> ``10min``: the largest unit that divides it; as exact as a file can say it."""
    thousandths = round(seconds * 1000)
    for unit in ("d", "h", "min", "s"):
        length = round(_SECONDS[unit] * 1000)
        if thousandths % length == 0 and (thousandths or unit == "s"):
            return f"{thousandths // length}{unit}"
    return f"{thousandths}ms"


def format_toml(value: Any) -> str:
    """A TOML value on one line: as JSON, with an escape for whatever a terminal would not show."""
    if isinstance(value, list):
        return f"[{', '.join(map(format_toml, value))}]"
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)
