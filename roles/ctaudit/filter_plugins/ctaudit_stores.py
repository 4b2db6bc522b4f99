"""Which store records a gateway, and what is wrong with the stores that a site has named.

``stores``: ctaudit_stores as read, by name; ``hostvars``: Ansible's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

_SOCKET = "/var/run/postgresql"

Stores = Mapping[str, Mapping[str, Any]]


def find_store_faults(stores: Stores, databases: Collection[str], group: str) -> list[str]:
    """Sentences; ``databases``: the hosts of ``group``, in which stores are made."""
    faults = []
    by_host: dict[str, str] = {}
    for name, store in stores.items():
        if store.get("state") == "gone":
            continue
        host = store["host"]
        if host not in databases:
            faults.append(
                f"ctaudit_stores.{name}.host is {host}, which is not in the group {group}; put it "
                "there, or correct it"
            )
        elif host in by_host:
            faults.append(
                f"ctaudit_stores.{name} and ctaudit_stores.{by_host[host]} have the same host "
                f"{host}; give each store a host of its own"
            )
        by_host.setdefault(host, name)
    return faults


def find_gateway_faults(store: str, stores: Stores, host: str) -> list[str]:
    """Sentences on the store of a gateway, whose inventory name is ``host``."""
    if not stores:
        fault = f"ctaudit_store is {store}, and ctaudit_stores is empty; name the stores there"
        return [fault] if store else []
    names = ", ".join(stores)
    if not store:
        return [f"ctaudit_store is missing, the one that records it; ctaudit_stores has {names}"]
    if store not in stores:
        return [f"ctaudit_store is {store}, and ctaudit_stores has {names}; take one of them"]
    state = stores[store].get("state", "present")
    if state != "present":
        fault = f"ctaudit_store is {store}, which is {state} in ctaudit_stores; take another one"
        return [fault]
    own = [name for name, section in stores.items() if section["host"] == host]
    if own and store not in own:
        return [f"it has store {own[0]} itself, and ctaudit_store is {store}; set it to {own[0]}"]
    return []


def list_addresses(stores: Stores, hostvars: Mapping[str, Any]) -> dict[str, str]:
    """How each store is reached, by its name."""
    return {
        name: store.get("address")
        or (hostvars[store["host"]].get("ansible_host") if store["host"] in hostvars else "")
        or store["host"]
        for name, store in stores.items()
    }


def list_asked(stores: Stores, hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a front is told of each store, with its name and address."""
    addresses = list_addresses(stores, hostvars)
    return [
        {"state": "present", "patience": 5, **store, "name": name, "address": addresses[name]}
        for name, store in stores.items()
    ]


def find_store_at(stores: Stores, hostvars: Mapping[str, Any], address: str, host: str) -> str:
    """The store that a connection string with this host leads to from ``host``; "" if none."""
    if address == _SOCKET:
        return next((name for name, store in stores.items() if store["host"] == host), "")
    addresses = list_addresses(stores, hostvars)
    return next((name for name, known in addresses.items() if known == address), "")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "ctaudit_store_faults": find_store_faults,
            "ctaudit_gateway_store_faults": find_gateway_faults,
            "ctaudit_store_addresses": list_addresses,
            "ctaudit_stores_asked": list_asked,
            "ctaudit_store_at": find_store_at,
        }
