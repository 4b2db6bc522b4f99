"""Whether a host's release is one that ctaudit is made for, by its /etc/os-release."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

_ANYWAY = "or try it with ctaudit_untried_release: true"


def explain_release(text: str, releases: Sequence[str]) -> str:
    """Why the release of this os-release(5) has not been tried; "" for one of ``releases``.

    The text is a predicate: "runs Debian 11; ...".
    """
    fields = _read_fields(text)
    name = fields.get("PRETTY_NAME") or fields.get("NAME") or "an unknown system"
    version = fields.get("VERSION_ID", "")
    tried = f"ctaudit is made for Debian {' and '.join(releases)}"
    if fields.get("ID") != "debian":
        if "debian" in fields.get("ID_LIKE", "").split():
            return (
                f"runs {name}, a derivative of Debian; {tried}, nobody has tried it there: take "
                f"the host out of the group, {_ANYWAY}"
            )
        return f"runs {name}; {tried}: take the host out of the group"
    if version in releases:
        return ""
    if version.isdigit() and int(version) < min(map(int, releases)):
        return f"runs {name}; {tried}: upgrade it, or take the host out of the group"
    return (
        f"runs {name}, which is newer than what has been tried; {tried}: take the host out of the "
        f"group, {_ANYWAY}"
    )


def _read_fields(text: str) -> dict[str, str]:
    fields = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            words = shlex.split(value)
            fields[key] = words[0] if words else ""
    return fields


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ctaudit_release": explain_release}
