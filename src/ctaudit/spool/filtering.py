"""The filter rules of the stream being read, applied to what the kernel did not judge by them.

Those are the entries of dumps, and events where the rules are not in the kernel. The rules are
those that the stream says: what lies in the spool may have been received under others than today's.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ctaudit.conntrack.event import Kind
from ctaudit.conntrack.filter import IN_KERNEL, read_plain_rules
from ctaudit.conntrack.filter_match import Matcher
from ctaudit.conntrack.layout import Layout
from ctaudit.spool.decoder import Batch, Row

log = logging.getLogger(__name__)


class StreamFilter:
    """Of one stream at a time; without rules it leaves each batch as it is."""

    def __init__(self) -> None:
        self._matcher: Matcher | None = None
        self._of_events = False

    def begin(self, told: Mapping[str, Any] | None) -> None:
        """``told``: what the stream says of its rules; None: it has none.

        Rules that cannot be read are not applied: too much is recorded then, not too little.
        """
        self._matcher = None
        if told is None or told.get("rules") is None:
            return
        try:
            self._matcher = Matcher(read_plain_rules(told["rules"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the filter rules of this stream cannot be read and are not applied")
        self._of_events = told.get("where") != IN_KERNEL

    def denies(self, layout: Layout) -> Callable[[Row], bool] | None:
        """Whether the rules exclude a row of ``layout``; None: they exclude none of its rows."""
        if self._matcher is None or not (self._of_events or layout.kind is Kind.DUMP):
            return None
        return self._matcher.denies(layout)

    def apply(self, batch: Batch) -> Batch:
        """The batch without the rows that the rules exclude, which it counts as denied."""
        if self._matcher is None:
            return batch
        rows: defaultdict[Layout, list[Row]] = defaultdict(list)
        denied = 0
        for layout, given in batch.rows.items():
            denies = self.denies(layout)
            kept = given if denies is None else [row for row in given if not denies(row)]
            denied += len(given) - len(kept)
            if kept:
                rows[layout] = kept
        return replace(batch, rows=rows, denied=denied) if denied else batch
