"""Daemon two, ctaudit.service: from the spool into PostgreSQL and the journal."""
