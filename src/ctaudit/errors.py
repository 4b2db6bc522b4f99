"""What can go wrong, as people and scripts meet it: one sentence and an exit status.

CtauditError
├── UsageError        2   a wrong call, a wrong configuration
├── DatabaseError     5   no connection, a refused statement
├── SchemaError       6   the database's schema is older or newer than this program
├── PrivilegeError    7   a capability or a permission is missing
└── DiskError         8   the spool's file system is full or refuses
"""

from __future__ import annotations


class CtauditError(Exception):
    """One sentence that names the thing, the value and the way out."""

    exit_status = 1


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
