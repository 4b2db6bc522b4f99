"""config check: keys that have no effect, and a file that the services may not read."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from ctaudit.admin.config_check import check_config, find_excluded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mode = "nat"\n[database]\nlive_copy = true', ["database.live_copy = true has no effect"]),
        ("[database]\nlive_copy = true", []),
        (
            'output.a.to = "/a"\n[database]\nenabled = false\ndsn = "host=db"\n[batch]\nevents = 5',
            ['database.dsn = "host=db" has no effect: database.enabled = false, so nothing',
             "batch.events = 5 has no effect"],
        ),
        ("[socket]\nupdates = true", ["socket.updates = true has no effect on the record"]),
        ('procedure = "site.record"\n[socket]\nupdates = true', []),
        ("[journal]\nrate = 0\nburst = 5", ["journal.burst = 5 has no effect: journal.rate = 0"]),
        ("[journal]\nrate = 0\nburst = 200", []),
        ('output.a.to = "/a"\n[database]\nenabled = false\n[retention]\ndays = 365', []),
        ("[journal]\nrate = 500", []),
        ("[journal]\nrate = 500\nburst = 5", ["journal.burst = 5 has no effect: journal.rate = 5"]),
        ('[journal]\nevents = "none"\nrate = 5', ["journal.rate = 5 has no effect: journal.ev"]),
        (
            'mode = "history"\n[journal]\nevents = "new"',
            ['journal.events = "new" writes no event: mode = "history" receives no openings'],
        ),
        (
            'mode = "nat"\n[output.a]\nto = "/a"\nevents = "destroy"',
            ['output.a.events = "destroy" writes no event: mode = "nat" receives no ends'],
        ),
        (
            'mode = "nat"\n[socket]\nreliable = true\n[output.a]\nto = "/a"\nevents = "destroy"',
            [],
        ),
        (
            '[output.a]\nto = "tcp:192.0.2.5:514"\nsync = true',
            ['output.a.sync = true has no effect: to = "tcp:192.0.2.5:514" is no file'],
        ),
        ('[output.a]\nto = "/a"\nsync = true', []),
        ('[spool]\nkeep_bytes = "0B"', []),
        ('[spool]\nkeep_bytes = "0B"\nkeep = "1h"', ['spool.keep = "1h" has no effect: no file']),
        ('[spool]\nkeep_bytes = "16MiB"', ['spool.keep_bytes = "16MiB" keeps nothing: a file']),
        ('[spool]\nkeep_bytes = "17MiB"', []),
        (
            '[filter]\nrules = ["deny zone 7", "accept", "deny proto udp", "accept"]',
            ['filter.rules: rule 3, "deny proto udp", has no effect: rule 2, "accept", matches',
             'filter.rules: rule 4, "accept", has no effect'],
        ),
        ('[filter]\naccept_proto_filter = "tcp"', []),
    ],
)  # fmt: skip
def test_keys_without_effect(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text + "\n")
    checked = check_config(file)
    assert checked.errors == ()
    assert len(checked.warnings) == len(said), checked.warnings
    for warning, begin in zip(checked.warnings, said, strict=True):
        assert warning.startswith(f"{file}: {begin}")


def test_the_example_has_nothing_without_effect() -> None:
    checked = check_config(Path(__file__).parents[2] / "docs/ctaudit.toml")
    assert (checked.errors, checked.warnings) == ((), ())


@pytest.mark.parametrize(
    ("mode", "owner", "names"),
    [
        (0o644, (0, 0), []),
        (0o640, (0, 0), ["ctaudit-receiver", "ctaudit"]),
        (0o640, (0, 990), []),
        (0o600, (991, 990), ["ctaudit-receiver"]),
    ],
)
def test_a_file_that_the_services_may_not_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: int,
    owner: tuple[int, int],
    names: list[str],
) -> None:
    file = tmp_path / "ctaudit.toml"
    users = {"ctaudit": (991, 990), "ctaudit-receiver": (992, 990)}

    def find(name: str) -> Any:
        uid, gid = users[name]
        return pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", find)
    state = os.stat_result((0o100000 | mode, 0, 0, 1, *owner, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: state)
    said = list(find_excluded(file, file.parent))
    assert [sentence.split(" from ")[0].split()[-1] for sentence in said] == names
    assert all(f"its mode {mode:04o} keeps" in sentence for sentence in said)
    assert list(find_excluded(file, Path("/etc/ctaudit"))) == []
