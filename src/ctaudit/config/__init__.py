"""The configuration: the table of its keys, reading a file, and what is wrong with one."""

from ctaudit.config.file import (
    DEFAULT_PATH,
    Reading,
    check_node,
    load_config,
    read_config,
)
from ctaudit.config.receiving import (
    DumpSection,
    FilterSection,
    PrivacySection,
    ScopeSection,
    SocketSection,
    SpoolSection,
)
from ctaudit.config.recording import (
    BatchSection,
    CanarySection,
    DatabaseSection,
    JournalSection,
    OutputSection,
    RetentionSection,
)
from ctaudit.config.table import MODES, Config

__all__ = [
    "DEFAULT_PATH",
    "MODES",
    "BatchSection",
    "CanarySection",
    "Config",
    "DatabaseSection",
    "DumpSection",
    "FilterSection",
    "JournalSection",
    "OutputSection",
    "PrivacySection",
    "Reading",
    "RetentionSection",
    "ScopeSection",
    "SocketSection",
    "SpoolSection",
    "check_node",
    "load_config",
    "read_config",
]
