"""What must hold between the keys of a configuration, each of which is right by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ctaudit.config.readers import format_size
from ctaudit.config.table import Config


def find_conflicts(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys or sections that do not go together, and a sentence that says why."""
    if config.pair == config.node:
        said = f'pair = "{config.pair}" is this gateway\'s own name; name the other one'
        yield ("pair", "node"), said
    buffer, most = config.socket.receive_buffer, config.socket.receive_buffer_max
    if most < buffer:
        said = (
            f"socket.receive_buffer_max = {format_size(most)} must be at least "
            f"socket.receive_buffer = {format_size(buffer)}"
        )
        yield ("socket.receive_buffer_max", "socket.receive_buffer"), said
    if not config.privacy.remote and not config.scope.internal:
        said = (
            "privacy.remote = false needs scope.internal, the networks behind the gateway: which "
            "end of a connection is remote is not known otherwise"
        )
        yield ("privacy.remote", "scope.internal"), said
    spool = config.spool
    if spool.max_bytes < 3 * spool.segment_bytes:
        said = (
            f"spool.max_bytes = {format_size(spool.max_bytes)} must hold at least 3 segments of "
            f"spool.segment_bytes = {format_size(spool.segment_bytes)}"
        )
        yield ("spool.max_bytes", "spool.segment_bytes"), said
    if not config.database.enabled and not config.output:
        said = "database.enabled = false needs an [output.NAME]: nothing would be kept"
        yield ("database.enabled", "output"), said
    files = Counter(output.to for output in config.output.values() if output.to.startswith("/"))
    for path, count in files.items():
        if count > 1:
            yield ("output",), f"{count} outputs have to = {path!r}; give each a file"
