"""Tables of iptables-legacy, which nftables does not show and nobody but its own tools can read."""

from __future__ import annotations

from pathlib import Path

_NAMES = {
    "IPv4": Path("/proc/thread-self/net/ip_tables_names"),
    "IPv6": Path("/proc/thread-self/net/ip6_tables_names"),
}


def read_legacy_tables() -> dict[str, list[str]]:
    """Names of tables made by iptables-legacy, by IP version.

    Raises PermissionError for who may not see them.
    """
    return {version: path.read_text().split() for version, path in _NAMES.items()
            if path.exists()}  # fmt: skip
