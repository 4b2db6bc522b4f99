"""By which address a gateway reaches its database."""

from __future__ import annotations

import pytest

from tests.unit.role_filters import load_role_file

addresses = load_role_file("filter_plugins/ctaudit_addresses.py")
_NAME = "ctaudit_database_address"


@pytest.mark.parametrize(
    "written",
    ["db", "db.example.net", "DB_1.example.", "192.0.2.5", "2001:db8::5", "10.example", "127a"],
)
def test_an_address(written: str) -> None:
    assert addresses.find_address_faults(written, _NAME, "db1") == []


@pytest.mark.parametrize(
    "written", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "Localhost."]
)
def test_the_gateway_itself(written: str) -> None:
    """As in an inventory of virtual machines: ansible_host=127.0.0.1 ansible_port=2222."""
    [fault] = addresses.find_address_faults(written, _NAME, "db1")
    assert fault.startswith(f"{_NAME} is {written}, which is each gateway itself, as where Ansible")
    assert fault.endswith("by which gateways reach db1")


@pytest.mark.parametrize(
    "written",
    ["[2001:db8::5]", "db:5432", "192.0.2.5:6432", "db,db2", "admin@db", "/run/postgresql",
     "a b", "fe80::1%eth0"],
)  # fmt: skip
def test_no_address(written: str) -> None:
    [fault] = addresses.find_address_faults(written, _NAME, "db1")
    assert fault == f"{_NAME} is {written}; write a name or an address, without brackets and port"
