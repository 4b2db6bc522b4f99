"""Daemon one, ctaudit-receiver.service: from the kernel into the spool."""
