"""The connection-tracking audit log for Linux gateways."""

__version__ = "0.1.0"
