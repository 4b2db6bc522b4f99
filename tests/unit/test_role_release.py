"""What the role says of releases that it was not made for: true for each of them."""

from __future__ import annotations

import pytest

from tests.unit.role_filters import load_role_file

release = load_role_file("filter_plugins/ctaudit_release.py")
RELEASES = ["12", "13"]


@pytest.mark.parametrize("version", RELEASES)
def test_releases_that_are_tried(version: str) -> None:
    text = f'PRETTY_NAME="Debian GNU/Linux {version}"\nID=debian\nVERSION_ID="{version}"\n'
    assert release.explain_release(text, RELEASES) == ""


@pytest.mark.parametrize(
    ("text", "words", "unsaid"),
    [
        (
            'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\nVERSION_CODENAME=forky\n',
            ("forky/sid, which is newer than what", "ctaudit_untried_release"),
            "upgrade",
        ),
        (
            'PRETTY_NAME="Debian GNU/Linux 14"\nID=debian\nVERSION_ID="14"\n',
            ("newer",),
            "upgrade",
        ),
        ('PRETTY_NAME="Debian 11"\nID=debian\nVERSION_ID="11"\n', ("upgrade it",), "derivative"),
        (
            'PRETTY_NAME="Devuan 5"\nID=devuan\nID_LIKE=debian\nVERSION_ID="5"\n',
            ("a derivative of Debian", "nobody has tried", "ctaudit_untried_release"),
            "upgrade",
        ),
        (
            "NAME='Linux Mint'\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=22\n",
            ("runs Linux Mint, a derivative",),
            "upgrade",
        ),
        ("NAME=Fedora\nID=fedora\nVERSION_ID=42\n", ("runs Fedora; ",), "upgrade"),
        ("", ("an unknown system",), "upgrade"),
    ],
)
def test_others(text: str, words: tuple[str, ...], unsaid: str) -> None:
    said = release.explain_release(text, RELEASES)
    assert "ctaudit is made for Debian 12 and 13" in said
    assert all(word in said for word in words), said
    assert unsaid not in said
