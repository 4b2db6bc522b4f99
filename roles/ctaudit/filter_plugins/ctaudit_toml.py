"""The site's settings as ctaudit.toml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def format_toml(settings: Mapping[str, Any]) -> str:
    """Keys first, then a section for each mapping, [output.NAME] for one inside another."""
    return "\n".join(_list_lines(settings, ""))


def _list_lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    keys = {key: value for key, value in sorted(table.items()) if not isinstance(value, Mapping)}
    if path and keys:
        yield ""
        yield f"[{path}]"
    for key, value in keys.items():
        yield f"{key} = {_format_value(value)}"
    for key, value in sorted(table.items()):
        if isinstance(value, Mapping):
            yield from _list_lines(value, f"{path}.{key}" if path else key)


def _format_value(value: Any) -> str:
    """As JSON has flags, numbers, texts and lists of them; TOML wants DEL escaped as well."""
    if isinstance(value, (list, tuple)):  # those of Ansible work out their items when asked
        return f"[{', '.join(map(_format_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ctaudit_toml": format_toml}
