"""Whether a database's ctaudit schema fits this program, and what to do where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

EXPECTED_SCHEMA = 1  # the number of the newest file in sql/migrations


class Mismatch(Enum):
    """Of a database's schema against this program; the value is the way out."""

    MISSING = "run: ctaudit schema install"
    OLDER = "run: ctaudit schema upgrade"
    NEWER = "upgrade ctaudit"


@dataclass(frozen=True)
class SchemaVersion:
    """``installed`` None: the database has no ctaudit schema."""

    installed: int | None
    expected: int

    @property
    def mismatch(self) -> Mismatch | None:
        if self.installed is None:
            return Mismatch.MISSING
        if self.installed == self.expected:
            return None
        return Mismatch.OLDER if self.installed < self.expected else Mismatch.NEWER

    def describe(self) -> str:
        """After "database NAME has": what is installed and, where it does not fit, the way out."""
        mismatch = self.mismatch
        if mismatch is None:
            return f"ctaudit schema version {self.installed}, as this program needs"
        if mismatch is Mismatch.MISSING:
            return f"no ctaudit schema; {mismatch.value}"
        return (
            f"ctaudit schema version {self.installed}, but this program needs {self.expected}; "
            f"{mismatch.value}"
        )
