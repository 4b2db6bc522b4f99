"""Many questions of who in one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from ctaudit.query.lookup import ask_who
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import Reply


def ask_batch(
    connection: psycopg.Connection[Any], questions: Iterable[WhoQuestion]
) -> Iterator[Reply]:
    """The replies in the order of the questions."""
    return (ask_who(connection, question) for question in questions)
