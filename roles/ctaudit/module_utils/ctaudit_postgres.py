"""The PostgreSQL server of this host: where its files are, and that it goes by them."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.ctaudit_psql import (
    SUPERUSER,
    Refused,
    ask,
    foreseen_directory,
    is_installed,
    quote_text,
)

_PATIENCE = 30.0  # seconds for a server that is just starting


def find_server(module: Any) -> dict[str, Any]:
    """Waits for the server; in check mode it may not be there yet."""
    if not is_installed():
        if module.check_mode:
            return _foresee()
        raise Refused("it is not installed; apt install postgresql")
    deadline = time.monotonic() + (0 if module.check_mode else _PATIENCE)
    while True:
        try:
            hba = ask(module, "current_setting('hba_file')")
            config = ask(module, "current_setting('config_file')")
            return {"present": True, "directory": str(Path(config).parent), "hba_file": hba}
        except Refused as refused:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            if module.check_mode:
                module.warn(f"PostgreSQL does not answer, what would change is foreseen: {refused}")
                return _foresee()
            raise Refused(
                f"it does not answer: {refused}; pg_lsclusters shows it, journalctl says why"
            ) from None


def _foresee() -> dict[str, Any]:
    directory = foreseen_directory()
    return {"present": False, "directory": directory, "hba_file": f"{directory}/pg_hba.conf"}


def settle(
    module: Any, found: dict[str, Any], files: Sequence[str | Path] = (), foreseen: bool = False
) -> str:
    """Reloads or restarts what has not taken up its files; says which.

    ``files``: those that count besides its own; ``foreseen``: in check mode, that one is going to
    change. Raises Refused, and nothing is reloaded, where the server would not accept them.
    """
    if module.check_mode and (foreseen or not found["present"]):
        return "reload"
    if not found["present"]:
        return "none"
    action = "none"
    if _newest(found, files) > ask(module, "extract(epoch FROM pg_conf_load_time())"):
        refuse_wrong(module, found)
        action = "reload"
        if not module.check_mode:
            _reload(module)
    waiting = ask(
        module, "SELECT coalesce(json_agg(name), '[]') FROM pg_settings WHERE pending_restart"
    )
    if waiting:
        action = "restart"
        if not module.check_mode:
            restart(module, found["directory"], waiting)
    return action


def _newest(found: dict[str, Any], also: Sequence[str | Path]) -> float:
    """When the last of the files was changed, or moved into its place."""
    place = Path(found["directory"])
    files = [place / "postgresql.conf", place / "conf.d", *(place / "conf.d").glob("*")]
    files += map(Path, [found["hba_file"], *also])
    return max((path.stat().st_ctime for path in files if path.exists()), default=0.0)


def refuse_wrong(module: Any, found: dict[str, Any]) -> None:
    """Raises Refused with the lines of the files that the server would not accept."""
    # A setting that waits for a restart is not applied yet, which is no mistake.
    later = (
        "NOT EXISTS (SELECT FROM pg_settings AS s"
        " WHERE s.name = pg_file_settings.name AND s.context = 'postmaster')"
    )
    for view, line, where, unless in (
        ("pg_hba_file_rules", "line_number", found["hba_file"], "true"),
        ("pg_file_settings", "sourceline", found["directory"], later),
    ):
        faults = ask(
            module,
            f"SELECT coalesce(json_agg(format('line %s: %s', {line}, error)), '[]')"
            f" FROM {view} WHERE error IS NOT NULL AND {unless}",
        )
        if faults:
            raise Refused(f"{where} would not be accepted: {'; '.join(faults)}")


def list_overridden(module: Any, path: Path) -> list[str]:
    """Which settings of a file have another value, and which file says so."""
    found: list[str] = ask(
        module,
        f"""
        SELECT coalesce(json_agg(format(
            '%s is %L by %s, which is read after %s', f.name, l.setting, l.sourcefile, f.sourcefile
        ) ORDER BY f.name), '[]')
        FROM pg_file_settings AS f CROSS JOIN LATERAL (
            SELECT g.sourcefile, g.setting FROM pg_file_settings AS g
            WHERE g.name = f.name ORDER BY g.seqno DESC LIMIT 1
        ) AS l
        WHERE f.sourcefile = {quote_text(str(path))} AND l.setting <> f.setting
        """,
    )
    return found


def _reload(module: Any) -> None:
    before = ask(module, "pg_conf_load_time()")
    ask(module, "pg_reload_conf()")
    deadline = time.monotonic() + _PATIENCE
    while ask(module, "pg_conf_load_time()") == before:
        if time.monotonic() > deadline:
            raise Refused("it does not reload its configuration; journalctl says why")
        time.sleep(0.1)
    time.sleep(0.2)  # until each setting is marked that waits for a restart


def restart(module: Any, directory: str, waiting: Sequence[str]) -> None:
    """``waiting``: the settings that wait for it. Raises Refused where it does not start."""
    place = re.fullmatch(r"/etc/postgresql/(\d+)/([^/]+)", directory)
    if not place:
        raise Refused(f"{', '.join(waiting)} wait for a restart; restart it by hand")
    unit = f"postgresql@{place[1]}-{place[2]}.service"
    status, _, complaint = module.run_command(["systemctl", "restart", unit])
    if status:
        raise Refused(f"systemctl restart {unit}: {complaint.strip()}; journalctl -u {unit}")
    find_server(module)


@contextmanager
def replaced(files: Mapping[Path, str]) -> Iterator[None]:
    """Puts the contents into the files, whose owners and modes stay; new ones are the group's.

    As before, if the body of the ``with`` raises Refused. A link stays one to its file.
    """
    files = {path.resolve(): content for path, content in files.items()}
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    try:
        for path, content in files.items():
            _put(path, content.encode(errors="surrogateescape"))
        yield
    except Refused:
        for path, kept in before.items():
            if kept is None:
                path.unlink(missing_ok=True)
            else:
                _put(path, kept)
        raise


def _put(path: Path, content: bytes) -> None:
    """At once: whoever reads it reads the old content or the new one."""
    aside = path.with_name(f".{path.name}.ctaudit")
    aside.touch(mode=0o600)
    if path.exists():
        status = path.stat()
        os.chown(aside, status.st_uid, status.st_gid)
        aside.chmod(status.st_mode & 0o7777)
    else:
        shutil.chown(aside, "root", SUPERUSER)
        aside.chmod(0o640)
    aside.write_bytes(content)
    aside.replace(path)
