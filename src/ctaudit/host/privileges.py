"""Root's means to act as another user of this host or in another network namespace for a while.

PostgreSQL's peer authentication uses the effective user (SO_PEERCRED).
"""

from __future__ import annotations

import ctypes
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_OWN_NETWORK = Path("/proc/thread-self/ns/net")


def is_root() -> bool:
    return os.geteuid() == 0


def current_user() -> str:
    """The effective user's name, or its number if it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def read_most_user_namespaces() -> int | None:
    """user.max_user_namespaces; None where it cannot be read."""
    try:
        return int(Path("/proc/sys/user/max_user_namespaces").read_text())
    except (OSError, ValueError):
        return None


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Within it the process has this user's effective identity and HOME. It must be root's."""
    user = pwd.getpwnam(name)
    group, groups, home = os.getegid(), os.getgroups(), os.environ.get("HOME")
    os.setgroups(os.getgrouplist(name, user.pw_gid))
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
        os.environ.pop("HOME")
        if home is not None:
            os.environ["HOME"] = home


def network_of(process: int) -> Path:
    """The file that is the network namespace of ``process``."""
    return Path(f"/proc/{process}/ns/net")


def is_own_network(namespace: Path) -> bool:
    """Whether the caller is in that network namespace. Raises OSError."""
    return namespace.stat().st_ino == _OWN_NETWORK.stat().st_ino


@contextmanager
def in_network(namespace: Path) -> Iterator[None]:
    """Within it the process is in that network namespace. Raises OSError."""
    own = os.open(_OWN_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_network(other)
        finally:
            os.close(other)
        try:
            yield
        finally:
            _set_network(own)
    finally:
        os.close(own)


def _set_network(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
