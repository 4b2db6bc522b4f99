"""Whether what a site wrote is an address by which a gateway can reach its database."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any


def find_address_faults(address: str, name: str, host: str) -> list[str]:
    """Sentences; ``host``: the inventory's name of the database's host."""
    if _is_loopback(address):
        fault = (
            f"{name} is {address}, which is each gateway itself, as where Ansible reaches {host} "
            "through a forwarded port; set it to the name or address by which gateways reach "
            f"{host}"
        )
        return [fault]
    # Several colons are those of IPv6.
    if re.search(r"[\s\[\]/@,%]|^[^:]*:[0-9]*$", address):
        return [f"{name} is {address}; write a name or an address, without brackets and port"]
    return []


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower().rstrip(".") == "localhost"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ctaudit_address_faults": find_address_faults}
