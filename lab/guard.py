"""Make sure that packets sent from here cannot leave the lab.

The lab's addresses belong to somebody outside. So before the traffic maker opens a socket it
checks that it runs in a registered lab namespace, and that all three namespaces of that lab
have no links but lo, veths whose other ends are in that lab, and bridges between those.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from lab.namespaces import LabError
from lab.processes import NAMED_NAMESPACES, namespace_identity
from lab.register import Registration, list_registrations


def require_lab() -> Registration:
    """The lab whose namespace this process runs in; LabError anywhere else."""
    here = namespace_identity("/proc/self/ns/net")
    if here is None or here == namespace_identity("/proc/1/ns/net"):
        # Where the first process's namespace cannot be read, the register alone decides.
        raise LabError(
            "the traffic maker sends nothing here: this is the host's own network, "
            "run it inside a lab namespace (ip netns exec ctaudit-client ...)"
        )
    for lab in list_registrations():
        if here in lab.namespaces.values():
            _check_closed(lab)
            return lab
    raise LabError(
        "the traffic maker sends nothing here: this network namespace is not one of a lab's, "
        "make one with python3 -m lab.network up"
    )


def _check_closed(lab: Registration) -> None:
    for name, identity in lab.namespaces.items():
        if namespace_identity(NAMED_NAMESPACES / name) != identity:
            raise LabError(
                f"the traffic maker sends nothing here: namespace {name} of the lab "
                f"{lab.name} is not the one registered, make the lab anew"
            )
    for name in lab.namespaces:
        links = _ip_json(name, "-d", "link", "show")
        peers = {entry["nsid"]: entry.get("name") for entry in _ip_json(name, "netns", "list-id")}
        for link in links:
            if not _is_inside(link, peers, lab):
                raise LabError(
                    f"the traffic maker sends nothing here: link {link['ifname']} of namespace "
                    f"{name} may lead out of the lab {lab.name}, take it away"
                )


def _is_inside(link: dict[str, Any], peers: dict[int, str | None], lab: Registration) -> bool:
    if link["link_type"] == "loopback":
        return True
    kind = link.get("linkinfo", {}).get("info_kind")
    if kind == "bridge":
        return True  # it leads where its ports do, which are links as well
    return kind == "veth" and peers.get(link.get("link_netnsid", -1)) in lab.namespaces


def _ip_json(namespace: str, *arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["ip", "-n", namespace, "-j", *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    if done.returncode:
        raise LabError(f"cannot look into namespace {namespace}: {done.stderr.strip()}")
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found
