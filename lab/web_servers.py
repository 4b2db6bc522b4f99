"""nginx and Apache of Debian on a port of loopback, run by hand, with a site's configuration.

Neither is a service here, and nothing of this host's own configuration is read.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.processes import wait_or_kill
from lab.waiting import comes_true

# What each one's workers run as in Debian.
WEB_USER = "www-data"
_NGINX = """\
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
# Of the modules that Debian enables those that matter, and `a2enmod headers proxy_http ssl`.
_APACHE_MODULES = (
    "mpm_event", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_user", "headers",
    "proxy", "proxy_http", "socache_shmcb", "ssl",
)  # fmt: skip
_APACHE = """\
{modules}
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
User {user}
Group {user}
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
IncludeOptional {folder}/site.conf
"""


class WebServerError(RuntimeError):
    """It did not start."""


@dataclass(frozen=True)
class WebServer:
    """A running one; it listens at 127.0.0.1."""

    port: int
    log: Path


@contextmanager
def running_nginx(site: str, replaced: Mapping[str, str]) -> Iterator[WebServer]:
    """``site``: a server block as of sites-available; ``replaced``: of its words, for this run.

    ``listen 443 ssl;`` becomes a port that is free.
    """
    port = _free_port()
    words = {"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;", "listen [::]:443 ssl;": ""}
    with _folder(_NGINX, _replace(site, {**words, **replaced}), port) as folder:
        command = ["/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "server.conf"), "-e",
                   str(folder / "error.log")]  # fmt: skip
        with _running(command, folder, port) as server:
            yield server


@contextmanager
def running_apache(site: str, replaced: Mapping[str, str]) -> Iterator[WebServer]:
    """As ``running_nginx``, with a VirtualHost."""
    port = _free_port()
    words = {"<VirtualHost *:443>": f"<VirtualHost *:{port}>"}
    with _folder(_APACHE, _replace(site, {**words, **replaced}), port) as folder:
        command = ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", str(folder / "server.conf")]
        with _running(command, folder, port) as server:
            yield server


def _replace(site: str, replaced: Mapping[str, str]) -> str:
    """Each of the words must stand there, so that a test cannot pass by another text."""
    for old, new in replaced.items():
        if old not in site:
            raise WebServerError(f"no {old!r} in the configuration")
        site = site.replace(old, new)
    return site


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _folder(form: str, site: str, port: int) -> Iterator[Path]:
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in _APACHE_MODULES
    )
    with tempfile.TemporaryDirectory(prefix="ctaudit-web-server-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "site.conf").write_text(site)
        text = form.format(folder=folder, user=WEB_USER, port=port, modules=modules)
        (folder / "server.conf").write_text(text)
        yield folder


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[WebServer]:
    program = command[0]
    if shutil.which(program) is None:
        raise WebServerError(f"no {program}: tools/setup test")
    log = folder / "error.log"
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/")
    try:
        if not comes_true(lambda: _answers(port) or process.poll() is not None, 10, pause=0.05):
            raise WebServerError(f"{program} does not listen")
        if process.poll() is not None:
            said = (folder / "output").read_text() + (log.read_text() if log.exists() else "")
            raise WebServerError(f"{program} did not start: {said}")
        yield WebServer(port, log)
    finally:
        process.terminate()
        wait_or_kill(process, 5)


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
