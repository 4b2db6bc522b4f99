"""The lines of an output: each event that the decoder reads becomes one at once, in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from ctaudit.config import Config, OutputSection
from ctaudit.conntrack.layout import Layout
from ctaudit.forward.clock import rfc3339_clock, syslog_clock
from ctaudit.forward.columns import AddressNames, compile_wanted
from ctaudit.forward.gap import Gap
from ctaudit.forward.json_form import compile_json, format_json_gap
from ctaudit.forward.log_form import compile_log, format_log_gap
from ctaudit.spool.decoder import Batch, Row
from ctaudit.spool.filtering import StreamFilter
from ctaudit.spool.privacy import choose_privacy

_MOST_LAYOUTS = 2048


class _Rows(list[Row]):
    """Of one layout: holds nothing, and hands each row on."""

    def __init__(self, take: Callable[[Row], None]) -> None:
        super().__init__()
        self.append = take  # type: ignore[method-assign]


class Lines(defaultdict[Layout, list[Row]]):
    """In the place of a batch's rows, which would be in order only within a layout."""

    def __init__(self, config: Config, section: OutputSection) -> None:
        super().__init__()
        self._node = config.node
        self._section = section
        self._filter = StreamFilter()
        self._privacy = choose_privacy(config)
        self._names = AddressNames()
        self._rfc3339, self._syslog = rfc3339_clock(), syslog_clock()
        self._lines: list[str] = []

    def __missing__(self, layout: Layout) -> list[Row]:
        rows = self[layout] = _Rows(self._compile(layout))
        return rows

    @property
    def batch(self) -> Batch:
        """For the decoder."""
        return Batch(rows=self)

    def set_node(self, node: str) -> None:
        """The gateway whose stream is read; a spool may hold those of two names."""
        if node != self._node:
            self._node = node
            self.clear()

    def set_filter(self, told: Mapping[str, Any] | None) -> None:
        """What the stream says of its filter rules from here on; None: it has none."""
        self._filter.begin(told)
        self.clear()

    def add_gap(self, gap: Gap) -> None:
        if self._section.form == "json":
            self._lines.append(format_json_gap(gap, self._node, self._rfc3339))
        else:
            self._lines.append(format_log_gap(gap, self._node, self._syslog, self._rfc3339))

    def take(self) -> list[str]:
        """What has come since the last call."""
        lines, count = self._lines[:], len(self)
        self._lines.clear()
        if count > _MOST_LAYOUTS:
            self.clear()
        return lines

    def _compile(self, layout: Layout) -> Callable[[Row], None]:
        write, denies = self._compile_line(layout), self._filter.denies(layout)
        if write is None:
            return lambda _: None
        if denies is None:
            return write
        return lambda row: None if denies(row) else write(row)

    def _compile_line(self, layout: Layout) -> Callable[[Row], None] | None:
        """None: the output writes no row of this layout."""
        is_wanted = compile_wanted(layout, self._section.events)
        if is_wanted is None:
            return None
        compiled = (
            compile_json(layout, self._node, self._names, self._rfc3339)
            if self._section.form == "json"
            else compile_log(layout, self._node, self._names, self._syslog)
        )
        add, privacy = self._lines.append, self._privacy

        if privacy is not None:
            return lambda row: (
                add(compiled(privacy.hide_row(layout, row))) if is_wanted(row) else None
            )
        if self._section.events == "nat":
            return lambda row: add(compiled(row)) if is_wanted(row) else None
        return lambda row: add(compiled(row))
