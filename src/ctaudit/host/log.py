"""Logging: to the journal, where a fault has a MESSAGE_ID, or to standard error."""

from __future__ import annotations

import logging
import os
import sys

try:
    from systemd import journal as _journal
except ImportError:  # without python3-systemd everything goes to standard error
    _journal = None

# One for each kind (`journalctl MESSAGE_ID=...`); packaging/debian/ctaudit.catalog explains them.
MESSAGE_IDS = {
    "event": "521b4bfe597740da9e6e3e88115a3b5f",
    "summary": "78a3c6f770c343848cb356c24d2f6fee",
    "overrun": "eaf8fed8bbb04059b5e2d03dd1580706",
    "spool full": "50a11ab6d52c49549a610fb465c0362d",
    "database unreachable": "4c80754c94a74aaebc6f7ccc720f53b2",
    "login refused": "add936f6553d4921a3ee87a386681c68",
    "database back": "c51ce220501b4e87b03088ae4bddcb78",
    "undecodable": "e55e731952734402b2f34b05de3d43f5",
    "damage": "97b7168d8d464c6b88f0c2f1ac546f5c",
    "clock": "557e088e242040ea8e5f09e0a5158ade",
    "settings": "08a7338ad3b540a68ac5c8c1e13cbbb3",
    "not announced": "1cac4c7f730a4d278696aed59615caa2",
    "output": "e8f5341463a24cdda74834917dfb504b",
    "output loss": "1bd83503dc1649b09d15be706eac9643",
    "canary": "afa2f12f0a1d4756a514eef29f5e6d9c",
}


def is_journal_connected() -> bool:
    """Whether standard error goes to the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        device, inode = os.environ.get("JOURNAL_STREAM", "").split(":")
        status = os.fstat(sys.stderr.fileno())
    except (ValueError, OSError):
        return False
    return _journal is not None and (status.st_dev, status.st_ino) == (int(device), int(inode))


def start_logging(name: str) -> None:
    """Sends the program's log records, under ``name``, to the journal or to standard error."""
    if is_journal_connected():
        handler: logging.Handler = _journal.JournalHandler(SYSLOG_IDENTIFIER=name)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    root = logging.getLogger("ctaudit")
    root.handlers = [handler]
    root.setLevel(logging.INFO)


def log_fault(
    logger: logging.Logger, fault: str, sentence: str, level: int = logging.ERROR
) -> None:
    """Logs one sentence with the MESSAGE_ID of ``fault``, a key of MESSAGE_IDS."""
    logger.log(level, "%s", sentence, extra={"MESSAGE_ID": MESSAGE_IDS[fault]})
