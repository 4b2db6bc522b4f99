"""The machines of a test's fleet and their addresses."""

from __future__ import annotations

from lab.fleet.plan import DATABASE_ADDRESS, read_fleet


def test_addresses_on_the_backbone() -> None:
    words = ["db1:x:database", "vote:x:quorum", "gw1:x:gateway", "db2:x:database", "gw2:x:gateway"]
    fleet = read_fleet("f", words)
    assert {member.name: member.backbone for member in fleet.members} == {
        "db1": DATABASE_ADDRESS,
        "db2": "10.20.0.2",
        "vote": "10.20.0.101",
        "gw1": "10.20.1.2",
        "gw2": "10.20.2.2",
    }
    assert [gateway.public for gateway in fleet.gateways] == ["1.2.3.4", "1.2.3.5"]
    assert fleet.switch in fleet.namespaces


def test_gateways_alone_have_no_backbone() -> None:
    fleet = read_fleet("f", ["gw1:x:gateway"])
    assert fleet.switch not in fleet.namespaces
