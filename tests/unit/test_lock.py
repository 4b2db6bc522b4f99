"""One receiver and one recorder at a time use a spool."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ctaudit.errors import DiskError, PrivilegeError, UsageError
from ctaudit.spool.lock import spool_lock
from tests.unit.streams import die_after, run_apart

_NOBODY = 65534


def test_two_receivers_on_one_spool(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with spool_lock(directory, "receiver"), spool_lock(directory, "recorder"):
        for who in ("receiver", "recorder"):
            with pytest.raises(UsageError) as caught, spool_lock(directory, who):
                pass
            assert str(caught.value) == (
                f"{directory}: another {who} is using this spool; stop it first"
            )

    # And after it has ended, or was killed, the next may.
    def claim_and_die() -> None:
        claim = spool_lock(directory, "receiver")
        claim.__enter__()

    die_after(claim_and_die)
    with spool_lock(directory, "receiver"):
        pass


def test_spool_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DiskError) as caught, spool_lock(file / "spool", "receiver"):
        pass
    assert str(caught.value) == f"{file}/spool: cannot be used as spool: Not a directory"


def test_spool_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    def claim_unprivileged() -> None:
        if os.geteuid() == 0:
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        with (
            pytest.raises(PrivilegeError, match="the receiver may not write there"),
            spool_lock(tmp_path / "spool", "receiver"),
        ):
            pass

    run_apart(claim_unprivileged)
