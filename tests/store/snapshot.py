"""sql/schema.sql: what a fresh installation gives, as pg_dump writes it, without the days.

Written anew by ``python -m tests.store.snapshot`` after a change of the schema.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ctaudit.database import schema
from lab.cluster import Cluster, private_cluster

KEPT = Path(__file__).parents[2] / "sql" / "schema.sql"
# What depends on the server that wrote it, or says nothing.
_NOISE = re.compile(r"--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|\s*")


def dump_schema(cluster: Cluster, name: str) -> str:
    """The statements that make schema ctaudit of database ``name``, partitions by day left out."""
    text = subprocess.run(
        [
            str(cluster.bin_directory / "pg_dump"),
            *("--schema-only", "--schema=ctaudit", "--exclude-table=ctaudit.*_p20*"),
            f"--dbname={cluster.dsn(name)}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A function's body is kept as it is, comments and empty lines too.
    parts = re.split(r"(AS \$\w*\$.*?\$\w*\$;\n)", text, flags=re.DOTALL)
    for place in range(0, len(parts), 2):
        lines = parts[place].splitlines()
        parts[place] = "".join(f"{line}\n" for line in lines if not _NOISE.fullmatch(line))
    return "".join(parts)


def major_version(cluster: Cluster) -> str:
    return cluster.bin_directory.parent.name


def main() -> None:
    with private_cluster(settings={"fsync": "off"}) as cluster:
        cluster.create_database("snapshot")
        schema.install(cluster.dsn("snapshot"))
        head = f"-- As pg_dump {major_version(cluster)} writes a fresh installation.\n"
        KEPT.write_text(head + dump_schema(cluster, "snapshot"))


if __name__ == "__main__":
    main()
