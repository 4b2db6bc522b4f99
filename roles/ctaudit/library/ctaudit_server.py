#!/usr/bin/python
"""What the PostgreSQL server of this host listens on, and its certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ctaudit_server
short_description: Let PostgreSQL serve gateways over TLS
description:
  - Certificate, key and settings are tried before they are put in place. If the server does not
    start with them all the same, the files of before come back, and it is started with those.
  - A setting that a file read later overrides, as that of ALTER SYSTEM, is named by a warning.
options:
  directory:
    description: Where certificate and key are kept; root's, and readable by the group postgres.
    type: path
    required: true
  certificate:
    description: The server's certificate, PEM.
    type: str
    required: true
  key:
    description: Its key, PEM.
    type: str
    required: true
  client_ca:
    description: The CA of the clients' certificates, PEM, if there is one.
    type: str
    default: ""
  settings:
    description: What conf.d/ctaudit.conf says.
    type: str
    required: true
  listen:
    description: The addresses among these settings, as listen_addresses has them.
    type: str
    default: "*"
author: ctaudit
"""

EXAMPLES = r"""
- name: PostgreSQL for gateways
  ctaudit_server:
    directory: /etc/ctaudit/postgresql
    certificate: "{{ ctaudit_database_tls_certificate }}"
    key: "{{ ctaudit_database_tls_key }}"
    settings: "{{ lookup('ansible.builtin.template', 'postgresql.conf.j2') }}"
"""

RETURN = r"""
action:
  description: none, reload or restart.
  type: str
  returned: always
"""

import errno
import shutil
import socket
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ctaudit_postgres import (
    find_server,
    list_overridden,
    replaced,
    restart,
    settle,
)
from ansible.module_utils.ctaudit_psql import SUPERUSER, Refused, as_superuser, ask


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "certificate": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
            "client_ca": {"type": "str", "default": ""},
            "settings": {"type": "str", "required": True},
            "listen": {"type": "str", "default": "*"},
        },
        supports_check_mode=True,
    )
    try:
        found = find_server(module)
        files = _files(module, found)
        before = {path: path.read_text() if path.exists() else "" for path in files}
        changed = {path: text for path, text in files.items() if text != before[path]}
        if changed:
            _try_certificates(module)
            if found["present"]:
                _try_addresses(module.params["listen"])
                _try_settings(module, found)
        if changed and not module.check_mode:
            action = _replace(module, found, files)
        else:
            action = settle(module, found, list(files), foreseen=bool(changed))
        for overridden in list_overridden(module, _settings(found)) if found["present"] else ():
            module.warn(f"PostgreSQL on this host: {overridden}")
    except Refused as refused:
        module.fail_json(msg=f"PostgreSQL on this host: {refused}")
    diff = [
        {"before": before[path], "after": text, "before_header": str(path),
         "after_header": str(path)}
        for path, text in changed.items()
        if path.name != "server.key"
    ]  # fmt: skip
    module.exit_json(changed=bool(changed) or action != "none", action=action, diff=diff)


def _files(module: AnsibleModule, found: dict) -> dict[Path, str]:
    place = Path(module.params["directory"])
    texts = {
        place / "server.crt": module.params["certificate"],
        place / "server.key": module.params["key"],
        place / "client-ca.crt": module.params["client_ca"],
        _settings(found): module.params["settings"],
    }
    return {path: f"{text.strip()}\n" for path, text in texts.items() if text.strip()}


def _settings(found: dict) -> Path:
    return Path(found["directory"], "conf.d/ctaudit.conf")


def _try_certificates(module: AnsibleModule) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pair = [Path(folder, name) for name in ("crt", "key")]
        for path, name in zip(pair, ("certificate", "key"), strict=True):
            path.write_text(module.params[name].strip() + "\n")
        try:
            # "" for a passphrase: nobody could type one at a start of the server.
            context.load_cert_chain(*pair, password="")
        except (ssl.SSLError, ValueError) as error:
            raise Refused(
                "ctaudit_database_tls_certificate and ctaudit_database_tls_key do not work "
                f"together: {getattr(error, 'reason', None) or error}"
            ) from None
    if module.params["client_ca"].strip():
        try:
            context.load_verify_locations(cadata=module.params["client_ca"])
        except (ssl.SSLError, ValueError) as error:
            raise Refused(f"ctaudit_database_client_ca is no certificate: {error}") from None


def _try_addresses(listen: str) -> None:
    """A server that can listen on none of its addresses does not start."""
    for name in filter(None, (part.strip() for part in listen.split(","))):
        if name in ("*", "0.0.0.0", "::"):  # noqa: S104
            continue
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(
                name, 0, type=socket.SOCK_STREAM
            ):
                with socket.socket(family, kind, protocol) as trial:
                    trial.bind(address)
        except OSError as error:
            why = "is none of this host's" if error.errno == errno.EADDRNOTAVAIL else str(error)
            raise Refused(f"ctaudit_database_listen: {name} {why}") from None


def _try_settings(module: AnsibleModule, found: dict) -> None:
    """``postgres -C`` reads all files, the new settings last."""
    version = ask(module, "current_setting('server_version_num')::int / 10000")
    data = ask(module, "current_setting('data_directory')")
    config = ask(module, "current_setting('config_file')")
    with tempfile.TemporaryDirectory() as folder:
        settings, whole = Path(folder, "ctaudit.conf"), Path(folder, "postgresql.conf")
        settings.write_text(module.params["settings"])
        whole.write_text(f"include '{config}'\ninclude '{settings}'\n")
        for path in (Path(folder), settings, whole):
            shutil.chown(path, SUPERUSER)
        argv = [f"/usr/lib/postgresql/{version}/bin/postgres", "-D", data,
                "-c", f"config_file={whole}", "-C", "listen_addresses"]  # fmt: skip
        status, _, complaint = as_superuser(module, argv)
    if status:
        lines = [line for line in complaint.splitlines() if line.strip()]
        said = "; ".join(lines).replace(str(settings), "conf.d/ctaudit.conf")
        raise Refused(f"{_settings(found)} would not be accepted: {said}")


def _replace(module: AnsibleModule, found: dict, files: dict[Path, str]) -> str:
    try:
        with replaced(files):
            return settle(module, found, list(files))
    except Refused as refused:
        _bring_back(module, found["directory"])
        raise Refused(f"{refused}; the files of before are back") from None


def _bring_back(module: AnsibleModule, directory: str) -> None:
    try:
        ask(module, "1")
    except Refused:
        with suppress(Refused):
            restart(module, directory, ["listen_addresses"])


if __name__ == "__main__":
    main()
