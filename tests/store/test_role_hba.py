"""The Ansible role's module ctaudit_hba on a real server, without Ansible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cluster import Cluster, private_cluster
from tests.store.role_modules import load_module

_BLOCK = '# BEGIN gateway gw1\nhost ctaudit "gw1" 192.0.2.1/32 scram-sha-256\n# END gateway gw1\n'


class _Exit(Exception):
    """How a module ends: what it tells Ansible."""


class _Module:
    check_mode = False

    def __init__(self, **_: object) -> None:
        self.params = {
            "login": "gw1", "whose": "gateway", "networks": [], "method": "scram-sha-256",
            "state": "absent",
        }  # fmt: skip

    def exit_json(self, **told: object) -> None:
        raise _Exit(told)

    def fail_json(self, msg: str) -> None:
        raise AssertionError(msg)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


def _act(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    with pytest.raises(_Exit) as ended:
        load_module("ctaudit_hba", _Module, server, monkeypatch).main()
    [told] = ended.value.args
    return dict(told)


def test_a_file_that_a_site_has_made_its_own(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link into the site's own folder, and a comment in Latin-1 with a form feed."""
    hba = server.data_directory / "pg_hba.conf"
    file = server.directory / "site_hba.conf"
    kept = b"# der K\xf6nig\x0c sagt\x85\n" + hba.read_bytes()
    hba.rename(file)
    hba.symlink_to(file)
    file.write_bytes(_BLOCK.encode() + kept)
    told = _act(server, monkeypatch)
    assert told["changed"]
    assert told["diff"]["before"] == _BLOCK
    assert hba.is_symlink()
    assert Path(hba).resolve() == file
    assert file.read_bytes() == kept
    assert not _act(server, monkeypatch)["changed"]
