"""Errors as users and scripts meet them, and all exit statuses of the program.

CtauditError
├── UsageError        2   a wrong call or configuration
├── DatabaseError     5   no connection, or a refused statement
├── SchemaError       6   the database's schema is older or newer than this program
├── PrivilegeError    7   a capability or a permission is missing
├── DiskError         8   the spool's file system is full or refuses
├── OutputError      74   what was found cannot be written
└── PipeClosedError 141   whoever read the output has gone; silent

The text of an error is one sentence: what is wrong, the value, the way out.
"""

from __future__ import annotations

SUCCESS = 0
WHO_ONE, WHO_NONE, WHO_SEVERAL, WHO_UNKNOWN = 0, 1, 3, 4
ASK_UNREAD = 2
FLOWS_COVERED, FLOWS_UNCOVERED = 0, 4
IMPORT_WHOLE, IMPORT_PARTLY = 0, 3
HOLDERS_WHOLE, HOLDERS_PARTLY = 0, 2
CHECK_GOOD, CHECK_WARNINGS, CHECK_NOT_FIT = 0, 1, 3
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h: an exception that is none of those above
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class CtauditError(Exception):
    """Raised as one of its kinds only."""

    exit_status: int


class UsageError(CtauditError):
    exit_status = 2


class DatabaseError(CtauditError):
    exit_status = 5


class SchemaError(CtauditError):
    exit_status = 6


class PrivilegeError(CtauditError):
    exit_status = 7


class DiskError(CtauditError):
    exit_status = 8


class OutputError(CtauditError):
    exit_status = 74  # EX_IOERR of sysexits.h


class PipeClosedError(CtauditError):
    exit_status = 141  # 128 + SIGPIPE, as shells have it
