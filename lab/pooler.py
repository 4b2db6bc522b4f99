"""PgBouncer before a private cluster, on a unix socket only, without passwords."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.cluster import Cluster, ClusterError
from lab.processes import wait_or_kill
from lab.waiting import comes_true

_PROGRAM = "/usr/sbin/pgbouncer"
_PORT = 6432


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer; its clients log in as ``cluster``'s own logins."""

    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "pgbouncer.log"

    def dsn(self, dbname: str, user: str) -> str:
        return f"host={self.directory} port={_PORT} dbname={dbname} user={user}"


@contextmanager
def pooling(
    cluster: Cluster, logins: Sequence[str], mode: str = "transaction", size: int = 1
) -> Iterator[Pooler]:
    """``size``: the connections to the server of each pair of login and database."""
    if not Path(_PROGRAM).exists():
        raise ClusterError(f"no {_PROGRAM}: apt-get install pgbouncer")
    user = pwd.getpwnam(cluster.superuser)
    with tempfile.TemporaryDirectory(prefix="ctaudit-pooler-") as name:
        made = Pooler(Path(name))
        shutil.chown(name, user.pw_uid, user.pw_gid)
        _write_configuration(made, cluster, logins, mode, size)
        with made.log.open("w") as log:
            # It refuses to run as root.
            process = subprocess.Popen(
                [_PROGRAM, str(made.directory / "pgbouncer.ini")],
                user=user.pw_uid, group=user.pw_gid, extra_groups=(), cwd="/", stderr=log,
            )  # fmt: skip
        try:
            if not comes_true((made.directory / f".s.PGSQL.{_PORT}").exists, 10, pause=0.05):
                raise ClusterError(f"PgBouncer did not start: {made.log.read_text()}")
            yield made
        finally:
            process.terminate()
            wait_or_kill(process, 5)


def _write_configuration(
    pooler: Pooler, cluster: Cluster, logins: Sequence[str], mode: str, size: int
) -> None:
    # As few settings as a site needs: nothing is ignored, and no state is reset between clients.
    (pooler.directory / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"* = host={cluster.socket_directory}\n"
        "[pgbouncer]\n"
        f"listen_port = {_PORT}\n"
        f"unix_socket_dir = {pooler.directory}\n"
        "auth_type = trust\n"
        f"auth_file = {pooler.directory}/users\n"
        f"pool_mode = {mode}\n"
        f"default_pool_size = {size}\n"
    )
    (pooler.directory / "users").write_text("".join(f'"{name}" ""\n' for name in logins))
