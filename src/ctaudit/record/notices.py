"""What the record procedures find out and report as a warning, for the journal."""

from __future__ import annotations

import logging

import psycopg

from ctaudit.host.log import log_fault

log = logging.getLogger(__name__)

_NOT_ANNOUNCED = "CT004"  # sql/functions/reconcile.sql


def log_notice(notice: psycopg.errors.Diagnostic) -> None:
    """Logs what a table dump has proved; other notices of the server are not ours."""
    if notice.sqlstate == _NOT_ANNOUNCED:
        log_fault(
            log,
            "not announced",
            f"{notice.message_primary}; who answers unknown there; look for rules with ct event "
            "set or --ctevents, for offloading and at nf_conntrack_events",
        )
