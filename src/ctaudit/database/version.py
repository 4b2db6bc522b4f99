"""Whether a database's ctaudit schema fits this program, and what to do where it does not.

Programs and databases are upgraded one after the other, in either order (decision 0026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

EXPECTED_SCHEMA = 5  # the number of the newest file in sql/migrations
OLDEST_RECORDED = 1  # the oldest schema version that this program's recorder records into


class Mismatch(Enum):
    """Of a database's schema against this program; the value is the way out."""

    MISSING = "run: ctaudit schema install"
    OLDER = "run: ctaudit schema upgrade"
    NEWER = "upgrade ctaudit"


@dataclass(frozen=True)
class SchemaVersion:
    """``installed``: of the database; None: it has no ctaudit schema.

    ``expected``: of this program. ``compatible_since``: the oldest program that goes on with the
    database; None: the database is not newer than this program, or does not say.
    """

    installed: int | None
    expected: int
    compatible_since: int | None = None

    @property
    def mismatch(self) -> Mismatch | None:
        """Against the commands, which need all that this program's own schema has."""
        return self.find_mismatch(self.expected)

    @property
    def is_newer(self) -> bool:
        return self.installed is not None and self.installed > self.expected

    def find_mismatch(self, oldest: int) -> Mismatch | None:
        """Against a part of this program that works with schema version ``oldest`` too."""
        if self.installed is None:
            return Mismatch.MISSING
        if self.is_newer:
            since = self.compatible_since or self.installed
            return Mismatch.NEWER if since > self.expected else None
        return Mismatch.OLDER if self.installed < oldest else None

    def describe(self) -> str:
        """After "database NAME has": what is installed and, where it does not fit, the way out."""
        mismatch = self.mismatch
        if mismatch is Mismatch.MISSING:
            return f"no ctaudit schema; {mismatch.value}"
        found = f"ctaudit schema version {self.installed}"
        if mismatch is Mismatch.OLDER:
            return f"{found}, but this program needs {self.expected}; {mismatch.value}"
        if mismatch is Mismatch.NEWER:
            since = self.compatible_since or self.installed
            return (
                f"{found}, which works with programs of version {since} and newer, but this "
                f"program's is {self.expected}; {mismatch.value}"
            )
        if self.is_newer:
            return f"{found}, which works with this program's version {self.expected}"
        return f"{found}, as this program needs"


_ABSENT = re.compile(
    r'(?:function |procedure |relation )?"?(ctaudit\.\w+|column \S+).* does not exist'
)


def describe_absent(message: str) -> str | None:
    """What to do about PostgreSQL's error on an object of the schema; None: it is on another one.

    Functions are replaced without a new version, so equal versions may be of two releases.
    """
    absent = _ABSENT.match(message)
    return absent and (
        f"this program needs {absent[1]}, which the database's ctaudit schema does not have; "
        "run the newest ctaudit's: ctaudit schema upgrade"
    )
