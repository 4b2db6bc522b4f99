"""The table of keys: the keys at the top level, and the sections in their order."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from ctaudit.config.asking import WEB, WebSection
from ctaudit.config.key import join_lines, key, named_sections, open_key, section
from ctaudit.config.readers import NODE, PROCEDURE, one_of
from ctaudit.config.receiving import (
    FILTER,
    FILTER_EVALUATED,
    SCOPE,
    DumpSection,
    FilterSection,
    PrivacySection,
    ScopeSection,
    SocketSection,
    SpoolSection,
)
from ctaudit.config.recording import (
    OUTPUT,
    BatchSection,
    CanarySection,
    DatabaseSection,
    JournalSection,
    OutputSection,
    RetentionSection,
)

MODES = ("live", "nat", "history")

# What a reader of the file has to know of all keys.
NOTATION = join_lines("""
    A key that is left out has its default. Sizes are strings such as "64KiB", "16MiB", "2GiB" (B,
    KiB, MiB, GiB, TiB: powers of 1024). Durations are strings such as "200ms", "30s", "10min",
    "1h", "7d". An unknown key, a wrong type or a value out of bounds ends the command with exit
    status 2 and one sentence that names the key, its value and what is allowed.
    `ctaudit config check` names all such faults, and `ctaudit config show` prints every key with
    its value and where that comes from. A change takes effect with
    `systemctl restart ctaudit-receiver ctaudit`, one of an output with
    `systemctl restart ctaudit-forward`.""")


@dataclass(frozen=True)
class Config:
    """The file's values and the defaults; sizes in bytes, durations in seconds."""

    node: str = open_key(
        socket.gethostname, NODE,
        """The gateway's name in every row. It must stay the same for the life of the gateway, and
        be unique in the database. After a change a new stream begins under the new name.""",
        without="the host's name", example="gw1",
    )  # fmt: skip
    mode: str = key(
        "live", one_of(*MODES),
        "What is recorded of a connection.",
        words=(
            ('"live"', "openings and ends: who is connected now, and who was; the default"),
            ('"nat"', "openings only: each translation, without end, packets and bytes"),
            ('"history"', "ends only: one row a connection, with both times, packets and bytes"),
        ),
    )  # fmt: skip
    pair: str = open_key(
        "", NODE,
        """The other gateway of a pair that shares its connections (conntrackd), by the name in its
        rows. It must name this one. While one records nothing, the other's record counts for both
        from the first table dump that shows its connections.""",
        without="none", example="gw2",
    )  # fmt: skip
    procedure: str = open_key(
        "", PROCEDURE,
        """A procedure of the site's own instead of the mode's. Schema and name are in lower case.
        ctaudit.record_aggregate, for mode "history", stores similar connections of a batch as one
        row, of which `ctaudit who` still names the host.""",
        without="ctaudit.record_live, ctaudit.record_nat or ctaudit.record_history, by mode",
        example="site.record",
    )  # fmt: skip
    socket: SocketSection = section(SocketSection)
    dumps: DumpSection = section(DumpSection)
    database: DatabaseSection = section(DatabaseSection)
    batch: BatchSection = section(BatchSection)
    spool: SpoolSection = section(SpoolSection)
    journal: JournalSection = section(JournalSection)
    scope: ScopeSection = section(ScopeSection, SCOPE)
    privacy: PrivacySection = section(PrivacySection)
    canary: CanarySection = section(CanarySection)
    filter: FilterSection = section(FilterSection, FILTER, FILTER_EVALUATED)
    retention: RetentionSection = section(RetentionSection)
    web: WebSection = section(WebSection, WEB)
    output: Mapping[str, OutputSection] = named_sections(OutputSection, OUTPUT, example="siem")

    @property
    def record_procedure(self) -> str:
        """The procedure that is called with each batch: the site's own, or the mode's."""
        return self.procedure or f"ctaudit.record_{self.mode}"
