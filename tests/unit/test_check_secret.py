"""check: a password in a configuration that every user reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.admin.check import check_secret
from ctaudit.admin.finding import Level
from ctaudit.config import Config, DatabaseSection

DSN = "postgresql://gw1:hunter2@db/ctaudit"


@pytest.mark.parametrize(("mode", "level"), [(0o644, Level.WARNING), (0o640, Level.GOOD)])
def test_who_may_read_it(tmp_path: Path, mode: int, level: Level) -> None:
    path = tmp_path / "ctaudit.toml"
    path.touch()
    path.chmod(mode)
    [finding] = check_secret(Config(node="gw1", database=DatabaseSection(DSN)), path)
    assert finding.level is level
    assert f"mode 0{mode:o}" in finding.found
    assert "hunter2" not in str(finding)


@pytest.mark.parametrize("dsn", ["", "host=db passfile=/var/lib/ctaudit/.pgpass", "service=a"])
def test_nothing_where_there_is_none(tmp_path: Path, dsn: str) -> None:
    config = Config(node="gw1", database=DatabaseSection(dsn))
    assert list(check_secret(config, tmp_path / "ctaudit.toml")) == []
