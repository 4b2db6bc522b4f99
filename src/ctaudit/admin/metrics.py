"""metrics: where each number comes from, on a gateway and on the database's host."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ctaudit.admin.check import is_database_host
from ctaudit.admin.check_host import find_holder
from ctaudit.admin.place import find_place
from ctaudit.admin.units import States, Units, get_state, name_units, read_states
from ctaudit.config import Config
from ctaudit.conntrack.netlink import read_sysctl
from ctaudit.conntrack.statistics import CLASHES, STATISTICS, sum_column
from ctaudit.database.connection import check_schema_version, connect
from ctaudit.errors import CtauditError, OutputError
from ctaudit.host.privileges import in_network
from ctaudit.query.metrics import NodeMetrics, ask_metrics
from ctaudit.spool.backlog import SpoolReading, read_spool
from ctaudit.spool.lag import LagHistogram, read_lag


@dataclass(frozen=True)
class KernelReading:
    """Of the gateway's network namespace; None: this kernel does not say.

    ``statistics``: columns of /proc/net/stat/nf_conntrack, by our name, since it was made.
    """

    entries: int | None
    limit: int | None
    statistics: dict[str, int | None]


@dataclass(frozen=True)
class Readings:
    """``up``: of each source that belongs to this host whether it could be read."""

    node: str
    up: dict[str, bool]
    spool_limit: int = 0
    spool: SpoolReading | None = None
    lag: LagHistogram | None = None
    kernel: KernelReading | None = None
    nodes: tuple[NodeMetrics, ...] = ()


# Our name: the kernel's.
STATISTICS_OF = {
    "early_drop": b"early_drop",
    "insert_failed": b"insert_failed",
    "drop": b"drop",
    "clashes": CLASHES,
}


def read_metrics(config: Config, path: Path | None, dsn: str) -> tuple[Readings, list[str]]:
    """What can be read here, and a sentence on each source that cannot.

    ``path``: of the configuration, as it was given.
    """
    up: dict[str, bool] = {}
    remarks: list[str] = []

    @contextlib.contextmanager
    def source(name: str) -> Iterator[None]:
        up[name] = False
        try:
            yield
            up[name] = True
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            remarks.append(f"no metrics of the {name}: {where}{error.strerror}")
        except CtauditError as error:
            remarks.append(f"no metrics of the {name}: {error}")

    spool, lag, kernel = None, None, None
    nodes: tuple[NodeMetrics, ...] = ()
    units = name_units(path)
    states = read_states((units.receiver, units.recorder))
    if is_gateway(config, units, states):
        with source("spool"):
            spool, lag = read_spool(config.spool.directory), read_lag(config.spool.directory)
        with source("kernel"):
            kernel = _read_kernel(config, units, states)
    with source("database"), connect(dsn) as connection:
        check_schema_version(connection)
        nodes = tuple(ask_metrics(connection, config.node))
    limit = config.spool.max_bytes
    return Readings(config.node, up, limit, spool, lag, kernel, nodes), remarks


def is_gateway(config: Config, units: Units, states: States) -> bool:
    """Whether a receiver belongs here: its spool is there, and its units are not switched off."""
    return config.spool.directory.is_dir() and not is_database_host(units, states)


def _read_kernel(config: Config, units: Units, states: States) -> KernelReading:
    """In the receiver's network namespace, if that can be told and entered."""
    receiver = find_holder(config.spool.directory, "receiver")
    place = find_place(receiver, get_state(states, units.receiver))
    with contextlib.ExitStack() as elsewhere:
        if place.namespace is not None and place.namespace.exists():
            elsewhere.enter_context(in_network(place.namespace))
        content = STATISTICS.read_bytes()
        return KernelReading(
            read_sysctl("nf_conntrack_count"),
            read_sysctl("nf_conntrack_max"),
            {name: sum_column(content, column) for name, column in STATISTICS_OF.items()},
        )


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file in one step, so that no reader sees a part of it. Raises OutputError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.chmod(0o644)
        draft.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
