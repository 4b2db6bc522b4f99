"""When the receiver notes the scope, and what it says."""

from __future__ import annotations

from typing import Any

from ctaudit.capture.scope_notes import ScopeNotes, combine
from ctaudit.config import ScopeSection
from ctaudit.host.seen_scope import UNKNOWN, SeenScope

SEEN = SeenScope(["1.2.3.4/32"], ["10.0.0.0/8"], [{"network": "10.7.0.0/16", "why": "notrack"}], 5)


class Scene:
    """A spool that keeps the notes, and what is seen."""

    def __init__(self, configured: ScopeSection) -> None:
        self.seen = SEEN
        self.noted: list[dict[str, Any]] = []
        self.notes = ScopeNotes(self, configured, lambda: self.seen)  # type: ignore[arg-type]

    def append_note(self, name: str, **detail: Any) -> None:
        assert name == "scope"
        self.noted.append(detail)


def test_each_change_is_noted_once() -> None:
    scene = Scene(ScopeSection())
    scene.notes.begin()
    for now in (0.0, 30.0, 60.0):
        scene.notes.tick(now)
    assert len(scene.noted) == 1
    scene.seen = SeenScope(["1.2.3.9/32"], ["10.0.0.0/8"], [], 9, since=5)
    scene.notes.tick(89.0)
    assert len(scene.noted) == 1
    scene.notes.tick(90.0)
    assert scene.noted[1:] == [
        {"public": ["1.2.3.9/32"], "internal": ["10.0.0.0/8"], "hidden": [], "source": "learned",
         "since": 5}
    ]  # fmt: skip
    scene.notes.begin()
    assert len(scene.noted) == 3


def test_what_is_configured_comes_first() -> None:
    both = combine(ScopeSection(("5.6.7.8/32",), ()), SEEN)
    assert (both["public"], both["internal"], both["source"]) == (["5.6.7.8/32"], [], "configured")
    assert both["hidden"] == SEEN.hidden
    one = combine(ScopeSection(("5.6.7.8/32",), None), SEEN)
    assert (one["public"], one["internal"]) == (["5.6.7.8/32"], ["10.0.0.0/8"])
    none = combine(ScopeSection(), UNKNOWN)
    assert (none["public"], none["internal"], none["source"]) == (None, None, "unknown")
