"""The notice on a broad question without a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctaudit import output

if TYPE_CHECKING:
    from ctaudit.query.notation import Network
    from ctaudit.query.purpose import Purpose


def say_breadth(
    purpose: Purpose,
    networks: Mapping[str, Network | None],
    begin: datetime | None,
    end: datetime | None,
) -> None:
    """Of a broad question that was answered without a reason; ``networks``: as find_breadth."""
    from ctaudit.query.purpose import find_breadth, format_notice

    breadth = find_breadth(networks, begin, end, datetime.now(UTC))
    if breadth is not None and not purpose.is_said:
        output.remark(format_notice(breadth, purpose))
