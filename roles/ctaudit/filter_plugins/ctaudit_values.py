"""What a site wrote as variables of the role, in the types of meta/argument_specs.yml.

Ansible validates variables by that specification and then hands the role what was written: the
string "no" for a flag, "10.0.0.1,10.0.0.2" for a list, JSON in an INI inventory. Each variable is
read here, once, and what has no clear meaning is refused in one sentence.
"""

from __future__ import annotations

import ast
import datetime as dt
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_SPECS = Path(__file__).resolve().parents[1] / "meta/argument_specs.yml"
_TRUE = {"y", "yes", "on", "1", "true", "t", "1.0"}
_FALSE = {"n", "no", "off", "0", "false", "f", "0.0"}
_EXAMPLES = {
    "bool": "true or false",
    "int": "a whole number, such as 10",
    "list": 'a list, such as ["a", "b"], or "a,b"',
    "dict": 'a dictionary, such as {"key": "value"}',
    "str": 'text, in quotes ("text"; in an INI inventory "\'text\'")',
}
_NETWORKS = {
    "ctaudit_gateway_addresses",
    "ctaudit_front_addresses",
    "ctaudit_config.scope.public",
    "ctaudit_config.scope.internal",
}
# Of each [output.NAME]; a specification of Ansible cannot say that names are the site's.
_OUTPUT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "to": {"type": "str"},
        "form": {"type": "str", "choices": ["json", "log"]},
        "events": {"type": "str", "choices": ["all", "nat", "new", "destroy"]},
        "sync": {"type": "bool"},
    },
}
# Of each of ctaudit_stores, likewise.
_STORE: dict[str, Any] = {
    "type": "dict",
    "options": {
        "host": {"type": "str"},
        "address": {"type": "str"},
        "patience": {"type": "int"},
        "state": {"type": "str", "choices": ["present", "retired", "gone"]},
    },
}
# As PostgreSQL reads them ("Parameter Names and Values").
_FORMS = {
    "ctaudit_auditor_limits.statement_timeout": (
        r"[0-9]+(\.[0-9]+)? ?(us|ms|s|min|h|d)?",
        'a time with the unit ms, s, min, h or d, such as "10min"',
    ),
    "ctaudit_auditor_limits.temp_file_limit": (
        r"-1|[0-9]+(\.[0-9]+)? ?(B|kB|MB|GB|TB)?",
        'a size with the unit kB, MB, GB or TB, such as "10GB"',
    ),
}
# Texts of several lines, of which people write the file's name, or "\\n" for a line's end.
_ARMOURED = {
    "ctaudit_database_ca", "ctaudit_database_client_certificate", "ctaudit_database_client_key",
    "ctaudit_database_tls_certificate", "ctaudit_database_tls_key", "ctaudit_database_client_ca",
    "ctaudit_repository.key",
}  # fmt: skip
_ARMOUR = re.compile(r"^-----BEGIN [A-Z0-9 ]+-----\s*\n", re.MULTILINE)
_NETWORKS_EXAMPLE = '["192.0.2.1", "2001:db8::/48"]'
# Logins of PostgreSQL and of ctaudit that are no gateway's; a role "pg_..." nobody can make.
_NO_GATEWAYS = {
    "postgres", "public", "none", "ctaudit_owner", "ctaudit_recorder", "ctaudit_auditor",
    "ctaudit_maintainer", "ctaudit_front", "ctaudit_supervisor", "ctaudit_registrar",
    "ctaudit-maintain", "ctaudit-web", "ctaudit-front",
}  # fmt: skip
# Nor an auditor's: each member of such a role could ask, or the recorder could.
_NO_AUDITORS = (_NO_GATEWAYS | {"ctaudit"}) - {"postgres"}

Option = Mapping[str, Any]


class Misfit(ValueError):
    """A sentence that names the variable, its value, and how to write it."""


def read_variable(value: Any, name: str) -> Any:
    """The value in the type of the specification; None is the default. Raises Misfit."""
    option = _load_options()[name]
    value = _plain(value)
    if value is None:
        value = option.get("default", {"list": [], "dict": {}, "str": ""}.get(option["type"]))
    return _read(value, option, name)


def find_faults(given: Mapping[str, Any]) -> list[str]:
    """A sentence for each of the variables that cannot be read; no secret is repeated."""
    faults = []
    for name, value in given.items():
        try:
            read_variable(value, name)
        except Misfit as misfit:
            faults.append(str(misfit))
    return faults


def find_namesakes(hosts: Iterable[Mapping[str, Any]], node: str) -> list[str]:
    """Names of those of the hosts, given by their variables, that have this node."""
    return [str(host["inventory_hostname"]) for host in hosts if _node_of(host) == node]


def list_nodes(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those of the hosts, given by their variables."""
    return [node for node in map(_node_of, hosts) if node is not None]


def list_variables(part: str) -> list[str]:
    """Those that an entry point of the role goes by."""
    return list(_load_specs()[part]["options"])


def find_node_faults(node: str, name: str) -> list[str]:
    """As the program's configuration has it."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", node):
        return []
    return [f"{name} is {_show(node)}; write 1 to 63 letters, digits, '.', '_' or '-'"]


def find_login_faults(login: str, name: str) -> list[str]:
    """What PostgreSQL takes for a role, and pg_hba.conf in quotes."""
    # PostgreSQL 16 takes what begins with "/" for a regular expression, in quotes too.
    if not re.fullmatch(r"[^/\x00-\x1f\"][^\x00-\x1f\"]*", login) or len(login.encode()) > 63:
        return [f'{name} is {_show(login)}; write 1 to 63 characters without quotes, no "/" first']
    if is_no_gateways(login):
        fault = (
            f"{name} is {_show(login)}, which is no gateway's: PostgreSQL or ctaudit has that name "
            "itself; write another one. If it is left out, the login is the gateway's node"
        )
        return [fault]
    return []


def find_front_login_faults(login: str, name: str) -> list[str]:
    """As for a gateway's, but that the role's own name for it is meant for it."""
    return [] if login == "ctaudit-front" else find_login_faults(login, name)


def find_user_faults(user: str, name: str) -> list[str]:
    """``user``: of the connection string ``name``; "" where it names none."""
    fault = (
        f"{name} logs in as {_show(user)}, which is no gateway's login; write one that is a "
        "member of ctaudit_recorder and of nothing else"
    )
    return [fault] if is_no_gateways(user) else []


def is_no_gateways(login: str) -> bool:
    return login in _NO_GATEWAYS or login.startswith("pg_")


def _node_of(host: Mapping[str, Any]) -> str | None:
    """Until the host was asked for its name, the inventory's is taken for it."""
    try:
        config = read_variable(host.get("ctaudit_config"), "ctaudit_config")
    except Misfit:
        return None  # that host's own preflight says so
    facts = host.get("ansible_facts") or {}
    return str(config.get("node") or facts.get("nodename") or host["inventory_hostname"])


@lru_cache(maxsize=1)
def _load_specs() -> dict[str, Any]:
    specs: dict[str, Any] = yaml.safe_load(_SPECS.read_text(encoding="utf-8"))
    return specs["argument_specs"]


def _load_options() -> dict[str, Option]:
    specs = _load_specs().values()
    return {name: option for spec in specs for name, option in spec["options"].items()}


def _read(value: Any, option: Option, path: str) -> Any:
    kind = option["type"]
    readers: dict[str, Callable[[Any, Option, str], Any]] = {
        "bool": _read_flag,
        "int": _read_number,
        "list": _read_list,
        "dict": _read_dict,
        "str": _read_text,
    }
    return readers[kind](value, option, path)


def _plain(value: Any) -> Any:
    """A vaulted value of ansible-core 2.14 is no string, and becomes one."""
    known = (str, bool, int, float, list, tuple, Mapping, dt.date, type(None))
    return value if isinstance(value, known) else str(value)


def _read_flag(value: Any, option: Option, path: str) -> bool:
    word = str(value).strip().lower()
    if isinstance(value, (bool, int, float, str)):
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise _misfit(value, option, path)


def _read_number(value: Any, option: Option, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]+\s*", value):
        return int(value)
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if is_whole and not isinstance(value, bool):
        return int(value)
    raise _misfit(value, option, path)


def _read_text(value: Any, option: Option, path: str) -> str:
    # 1.10 has become 1.1 by now, and "no" false; so may a secret 0x10 have become 16.
    if isinstance(value, int) and not isinstance(value, bool) and not option.get("no_log"):
        value = str(value)
    if not isinstance(value, str):
        raise _misfit(value, option, path)
    if "\0" in value:
        raise _misfit(value, option, path)
    if "choices" in option and value not in option["choices"]:
        raise _misfit(value, option, path, f"one of {', '.join(option['choices'])}")
    if path in _ARMOURED and value.strip() and not _ARMOUR.search(value):
        raise Misfit(
            f"{path} has no line -----BEGIN ...-----; write what the file has, such as "
            "\"{{ lookup('ansible.builtin.file', 'FILE') }}\""
        )
    if path in _FORMS and not re.fullmatch(_FORMS[path][0], value):
        raise _misfit(value, option, path, _FORMS[path][1])
    return str(value)


def _read_list(value: Any, option: Option, path: str) -> list[Any]:
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            value = _parse(text)
        else:
            value = [part for part in re.split(r"[,\s]+", text) if part]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise _misfit(value, option, path)
    element = {"type": option.get("elements", "str")}
    items = [_read(_plain(item), element, f"{path}[{place}]") for place, item in enumerate(value)]
    if path == "ctaudit_auditors":
        return [_read_user(item, path) for item in items]
    return [_read_network(item, path) for item in items] if path in _NETWORKS else items


def _read_user(text: str, path: str) -> str:
    """A user of the system, perhaps of a directory, as PostgreSQL's peer authentication has it."""
    if text in _NO_AUDITORS or text.startswith("pg_"):
        raise Misfit(
            f"{path}: {_show(text)} is a name that PostgreSQL or ctaudit has itself; write those "
            "of people"
        )
    if re.fullmatch(r"\w[\w.@\\+$-]*", text) and len(text.encode()) <= 63:
        return text
    raise Misfit(
        f"{path}: {_show(text)} is not the name of a user; write a list of them, such as "
        '["root", "anna"]'
    )


def _read_network(text: str, path: str) -> str:
    """In CIDR notation, as pg_hba.conf and ctaudit.toml have it."""
    try:
        interface = ipaddress.ip_interface(text.strip())
    except ValueError:
        interface = None
    if interface is None or "%" in text:
        raise Misfit(
            f"{path}: {_show(text)} is not an address or a network; write a list of them, such "
            f"as {_NETWORKS_EXAMPLE}"
        )
    if interface.ip != interface.network.network_address:
        raise Misfit(
            f"{path}: {_show(text)} has bits beyond its netmask; write the network as "
            f'"{interface.network}", or the address as "{interface.ip}"'
        )
    return str(interface.network)


def _read_dict(value: Any, option: Option, path: str) -> dict[str, Any]:
    if isinstance(value, str):
        text = value.strip()
        value = _parse(text) if text.startswith("{") else text or {}
    if not isinstance(value, Mapping):
        raise _misfit(value, option, path)
    if path == "ctaudit_config.output":
        way = 'write a file, "unix:/SOCKET" or "tcp:HOST:PORT"'
        return _read_named(value, path, "output", _OUTPUT, "to", way)
    if path == "ctaudit_stores":
        way = "write the inventory's name of the host that has its database"
        return _read_named(value, path, "store", _STORE, "host", way)
    options = option.get("options")
    read = {}
    for key, item in value.items():
        here, inner = f"{path}.{key}", _plain(item)
        if options is None:
            read[str(key)] = _read_setting(inner, here)
            continue
        if key not in options:
            raise Misfit(f"{here}: there is no such key; there are {', '.join(options)}")
        if inner is not None:  # left out
            read[str(key)] = _read(inner, options[key], here)
    return read


def _read_named(
    value: Mapping[Any, Any], path: str, what: str, option: Option, needed: str, way: str
) -> dict[str, Any]:
    """Sections by names of the site's own; an output's becomes part of a file's name."""
    read = {}
    for name, section in value.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", str(name)):
            article = "an" if what[0] in "aeiou" else "a"
            raise Misfit(
                f"{path}: {_show(name)} is no name of {article} {what}; write 1 to 32 letters, "
                "digits, '_' or '-', the first a letter or a digit"
            )
        here, inner = f"{path}.{name}", _plain(section)
        if inner is None:  # left out
            continue
        if str(name) in read:
            raise Misfit(f"{here} is there twice; give each {what} a name of its own")
        read[str(name)] = _read(inner, option, here)
        if not read[str(name)].get(needed):
            raise Misfit(f"{here}.{needed} is missing; {way}")
    return read


def _read_setting(value: Any, path: str) -> str:
    """A value of a sysctl, as the kernel reads it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (str, int)) and str(value).strip():
        return " ".join(str(value).split())
    raise Misfit(f"{path} is {_show(value)}; write a number or text, such as 1")


def _parse(text: str) -> Any:
    """JSON, Python's or YAML's notation of a list or a dictionary; the text itself if none."""
    for parse in (json.loads, ast.literal_eval, yaml.safe_load):
        try:
            return parse(text)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, yaml.YAMLError):
            continue
    return text


def _misfit(value: Any, option: Option, path: str, wanted: str = "") -> Misfit:
    shown = "something else" if option.get("no_log") else _show(value)
    return Misfit(f"{path} is {shown}; write {wanted or _EXAMPLES[option['type']]}")


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    # A DSN in what was not understood as a dictionary.
    if re.search(r"(?i)pass|pwd|secret|dsn|://", text):
        return "something that may hold a password"
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_or_default(value: Any, name: str) -> Any:
    """As read_variable, and the default for what the preflight is going to refuse."""
    try:
        return read_variable(value, name)
    except Misfit:
        return read_variable(None, name)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "ctaudit_read": read_or_default,
            "ctaudit_faults": find_faults,
            "ctaudit_namesakes": find_namesakes,
            "ctaudit_nodes": list_nodes,
            "ctaudit_variables": list_variables,
            "ctaudit_node_faults": find_node_faults,
            "ctaudit_login_faults": find_login_faults,
            "ctaudit_front_login_faults": find_front_login_faults,
            "ctaudit_user_faults": find_user_faults,
        }
