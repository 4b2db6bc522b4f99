"""Settings of the kernel as the role sees them, and its block in pg_hba.conf."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.role_filters import ROLE, load_role_file

kernel = load_role_file("module_utils/ctaudit_kernel.py")
block = load_role_file("module_utils/ctaudit_block.py")
UNIT = Path(__file__).resolve().parents[2] / "packaging/debian/ctaudit.service"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.netfilter.nf_conntrack_acct", "net/netfilter/nf_conntrack_acct"),
        ("net/ipv4/conf/eth0.10/rp_filter", "net/ipv4/conf/eth0.10/rp_filter"),
        ("net.ipv4.conf.eth0/10.rp_filter", "net/ipv4/conf/eth0.10/rp_filter"),
        ("fs", "fs"),
    ],
)
def test_where_a_setting_is(name: str, path: str) -> None:
    assert kernel.find_path(name) == Path("/proc/sys", path)


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [("1", "1", True), ("1024\t65535", "1024 65535", True), ("0", "1", False), (None, "1", False)],
)
def test_whether_it_holds(value: str | None, wanted: str, holds: bool) -> None:
    assert kernel.Setting("net.a", wanted, value, True).holds is holds


def test_lacking_settings_are_named_and_no_container_is_blamed() -> None:
    lacking = [kernel.Setting(name, "1", None, False) for name in ("net.a", "net.b")]
    [sentence] = kernel.explain_refused([*lacking, kernel.Setting("net.c", "1", "0", True)])
    assert sentence.startswith(
        "this kernel has no net.a, net.b: the name is misspelt, or the modul"
    )
    assert "container" not in sentence


def test_settings_that_cannot_be_written() -> None:
    locked = [kernel.Setting("net.a", "1", "0", False), kernel.Setting("net.b", "1", "1", False)]
    [sentence] = kernel.explain_refused(locked)
    assert "does not let us write net.a, wanted 1, found 0; in a container" in sentence
    assert "net.b" not in sentence
    assert kernel.explain_refused([kernel.Setting("net.a", "1", "0", True)]) == []


def test_limits_that_stay() -> None:
    limits = [kernel.Setting("net.a", "2", "1", False), kernel.Setting("net.b", "2", None, False)]
    first, second = kernel.explain_kept(limits)
    assert first.startswith("net.a stays 1, wanted 2: this kernel does not let us write it")
    assert second.startswith("net.b stays unknown, wanted 2: this kernel has no such setting here")


@pytest.mark.parametrize(
    ("text", "lines", "after"),
    [
        ("local all\n", ["a"], "# BEGIN gw\na\n# END gw\nlocal all\n"),
        ("", ["a"], "# BEGIN gw\na\n# END gw\n"),
        ("x\n# BEGIN gw\na\n# END gw\ny", ["b", "c"], "x\n# BEGIN gw\nb\nc\n# END gw\ny\n"),
        ("x\n# BEGIN gw\na\n# END gw\ny\n", [], "x\ny\n"),
        ("# BEGIN gw\nx\n", [], "# BEGIN gw\nx\n"),
        ("# END gw\n# BEGIN gw\nx\n", [], "# END gw\n# BEGIN gw\nx\n"),
        ("# BEGIN gw10\nx\n# END gw10\n", [], "# BEGIN gw10\nx\n# END gw10\n"),
        # No ends of lines to PostgreSQL.
        ("# a\x0cb\x85c\u2028d\n", [], "# a\x0cb\x85c\u2028d\n"),
        ("\nx\n\n", ["a"], "# BEGIN gw\na\n# END gw\n\nx\n\n"),
    ],
)
def test_block(text: str, lines: list[str], after: str) -> None:
    assert block.replace_block(text, "gw", lines) == after
    assert block.replace_block(after, "gw", lines) == after


def test_the_sandbox_that_is_tried_is_the_recorders() -> None:
    tried = re.search(
        r"^ctaudit_sandbox:\n((?:  - .*\n)+)", (ROLE / "vars/main.yml").read_text(), re.MULTILINE
    )
    assert tried is not None
    lines = [line.removeprefix("  - ") for line in tried[1].splitlines()]
    unit = UNIT.read_text().splitlines()
    assert [line for line in lines if not line.startswith("User=") and line not in unit] == []
    assert "PrivateUsers=yes" in lines


def test_the_diff_of_a_file_shows_no_line_of_others() -> None:
    before = "host all all ::/0 ldap ldapbindpasswd=q7x2k9\n"
    after = block.replace_block(before, "gateway gw1", ["hostssl ctaudit gw1"])
    assert block.differing_lines(before, after) == (
        "",
        "# BEGIN gateway gw1\nhostssl ctaudit gw1\n# END gateway gw1\n",
    )
    again = block.replace_block(after, "gateway gw1", [])
    assert "q7x2k9" not in "".join(block.differing_lines(after, again))
