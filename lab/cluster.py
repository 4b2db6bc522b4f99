"""A private PostgreSQL cluster from the distribution's binaries, on a unix socket only.

CTAUDIT_PG_BIN names the directory of another server's.

The server runs as an unprivileged user in a temporary directory of its own; local roles are
trusted, since only root and that user can reach the socket's directory.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import LabError
from lab.processes import process_start
from lab.waiting import comes_true

BINARIES = Path("/usr/lib/postgresql")
PREFIX = "ctaudit-cluster-"
OWNER_FILE = "owner"
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}


class ClusterError(LabError):
    """The cluster cannot be made, started or stopped; the text is one sentence for a person."""


@dataclass(frozen=True)
class Cluster:
    """A private cluster; superuser is both the role's name and the server's system user."""

    directory: Path
    socket_directory: Path
    bin_directory: Path
    superuser: str

    @property
    def data_directory(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def pid(self) -> int | None:
        """The postmaster's process, or None while it is stopped."""
        return _postmaster(self.directory)

    def client(self, name: str) -> str:
        """The path of psql, pg_dump, ...: the server's own, else the distribution's."""
        own = self.bin_directory / name
        return str(own if own.exists() else _find_distribution() / name)

    def dsn(self, dbname: str = "ctaudit", user: str | None = None) -> str:
        return f"host={self.socket_directory} dbname={dbname} user={user or self.superuser}"

    def create_database(self, name: str, template: str = "template1", *, anew: bool = True) -> None:
        """In place of one of that name: a test that failed runs once more, in the same cluster.

        Not ``anew``: raises ClusterError where there is one.
        """
        options = ["-h", str(self.socket_directory), "-U", self.superuser]
        create = [self.client("createdb"), *options, "-T", template, "--", name]
        try:
            _run(create)
        except ClusterError as error:
            if not anew or "already exists" not in str(error):
                raise
            _run([self.client("dropdb"), *options, "--force", "--", name])
            _run(create)

    def read_log(self) -> str:
        """The server writes what a client sent as it came, which may be no UTF-8."""
        return self.log.read_text(errors="backslashreplace")

    def start(self) -> None:
        """Start the server and wait until it answers; nothing happens if it runs."""
        if self.pid is not None:
            return
        control = str(self.bin_directory / "pg_ctl")
        options = ["-D", str(self.data_directory), "-l", str(self.log), "-w", "-t", "60"]
        try:
            run_as(self.superuser, [control, *options, "start"])
        except ClusterError as error:
            said = self.read_log().splitlines()[-2:] if self.log.exists() else [str(error)]
            raise ClusterError(f"the private cluster did not start: {'; '.join(said)}") from error

    def start_again(self, patience: float = 30) -> None:
        """Start it as soon as what a killed postmaster left behind has ended."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self.start()
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def crash(self, *, hard: bool) -> None:
        """End it without a checkpoint: the postmaster by SIGKILL, or all of it by SIGQUIT."""
        if not hard:
            self.stop("immediate")
        elif (pid := self.pid) is not None:
            _end(pid, signal.SIGKILL)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and wait for its end: fast, smart, or immediate (as a crash)."""
        pid = self.pid
        if pid is None:
            return
        _end(pid, STOP_SIGNALS[mode])

    def remove(self) -> None:
        """End it, as a crash would, and remove its directory."""
        with suppress(ClusterError):
            self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def private_cluster(
    directory: str | Path | None = None,
    settings: Mapping[str, str | int] | None = None,
    binaries: Path | None = None,
) -> Iterator[Cluster]:
    """A started cluster during the body, gone with its directory afterwards.

    directory: a fresh directory below /tmp unless given; a given one must be empty or absent
    and is removed at the end as well. settings: postgresql.conf names and values; fsync stays
    on unless said otherwise. binaries: of another server than find_binaries gives.
    """
    user = system_user()
    remove_leftovers()
    place = make_directory(directory, user)
    cluster = Cluster(place, place / "socket", binaries or find_binaries(), user)
    try:
        _initialise(cluster, settings or {})
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def find_binaries() -> Path:
    """CTAUDIT_PG_BIN, else the newest PostgreSQL server that the distribution has installed."""
    named = os.environ.get("CTAUDIT_PG_BIN")
    if not named:
        return _find_distribution()
    if not (Path(named) / "initdb").exists():
        raise ClusterError(f"no initdb in CTAUDIT_PG_BIN = {named}")
    return Path(named)


def _find_distribution() -> Path:
    found = [path.parent for path in BINARIES.glob("*/bin/initdb")]
    if not found:
        raise ClusterError(f"no PostgreSQL server below {BINARIES}: apt-get install postgresql")
    return max(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.parent.name)])


def system_user() -> str:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ClusterError("neither a user postgres nor a user nobody exists to run PostgreSQL as")


def remove_leftovers(below: str | Path | None = None) -> list[Path]:
    """End and remove the clusters in temporary directories whose makers are gone."""
    gone = []
    for place in sorted(Path(below or tempfile.gettempdir()).glob(f"{PREFIX}*")):
        try:
            pid, started = map(int, (place / OWNER_FILE).read_text().split())
        except (FileNotFoundError, ValueError):
            continue
        if process_start(pid) == started:
            continue
        postmaster = _postmaster(place)
        if postmaster is not None:
            _end(postmaster, STOP_SIGNALS["immediate"])
        shutil.rmtree(place, ignore_errors=True)
        gone.append(place)
    return gone


def make_directory(directory: str | Path | None, user: str) -> Path:
    """Of a cluster whose server runs as that user: the given one, else one below /tmp."""
    if directory is None:
        place = Path(tempfile.mkdtemp(prefix=PREFIX))
    else:
        place = Path(directory)
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise ClusterError(f"{place} is not empty: give the private cluster a directory")
    started = process_start(os.getpid())
    (place / OWNER_FILE).write_text(f"{os.getpid()} {started}\n")
    (place / "socket").mkdir(mode=0o700)
    for path in (place, place / "socket"):
        shutil.chown(path, user)
    return place


def _initialise(cluster: Cluster, settings: Mapping[str, str | int]) -> None:
    user = cluster.superuser
    run_as(
        user,
        [
            str(cluster.bin_directory / "initdb"),
            *("--pgdata", str(cluster.data_directory), "--username", user, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"),
        ],
    )
    values: dict[str, str | int] = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.socket_directory),
        "unix_socket_permissions": "0700",
        **settings,
    }
    lines = "".join(f"{name} = {quote(value)}\n" for name, value in values.items())
    with (cluster.data_directory / "postgresql.conf").open("a") as configuration:
        configuration.write(lines)


def quote(value: str | int) -> str:
    """As postgresql.conf has a value."""
    text = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _postmaster(directory: Path) -> int | None:
    """The live server of that directory, by its own pid file and only if it is that server."""
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split("\n")[0])
        where = Path(f"/proc/{pid}/cwd").readlink()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if where == (directory / "data").resolve() else None


def _end(pid: int, signum: int, patience: float = 60) -> None:
    started = process_start(pid)
    if started is None:
        return
    os.kill(pid, signum)
    if not comes_true(lambda: process_start(pid) != started, patience, pause=0.01):
        raise ClusterError(f"PostgreSQL (process {pid}) did not stop within {patience:g} s")


def run_as(user: str, argv: Sequence[str]) -> None:
    """Raises ClusterError with what it said, where its exit status is not 0."""
    if os.geteuid() != 0:
        raise ClusterError("a private cluster needs root, to run PostgreSQL as another user")
    entry = pwd.getpwnam(user)
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    _run(argv, user=entry.pw_uid, group=entry.pw_gid, extra_groups=groups, cwd="/")


def _run(argv: Sequence[str], **options: object) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    # The server inherits the output of pg_ctl, so a pipe there would stay open as long as it.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(  # type: ignore[call-overload]
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
            **options,
        )
        said.seek(0)
        if done.returncode:
            raise ClusterError(f"{Path(argv[0]).name} failed: {said.read().strip()}")
