"""An INI inventory as a site writes it that never read the role's example: all values are text."""

from __future__ import annotations

from pathlib import Path

from tests.role.conftest import DATABASE_NAME, PASSWORD, Site

_HEAD = """\
[all:vars]
ansible_connection=booted
ansible_python_interpreter=/usr/bin/python3
ctaudit_package_file={package}
ctaudit_database_address={name}
ctaudit_database_ca="{{{{ lookup('ansible.builtin.file', '{tls}/ca.crt') }}}}"
{everywhere}

[pg]
rdb ctaudit_auditors=root

[pg:vars]
ctaudit_database_tls_certificate="{{{{ lookup('ansible.builtin.file', '{tls}/{name}.crt') }}}}"
ctaudit_database_tls_key="{{{{ lookup('ansible.builtin.file', '{tls}/{name}.key') }}}}"
ctaudit_database_client_ca="{{{{ lookup('ansible.builtin.file', '{tls}/ca.crt') }}}}"

[Edge_Routers]
{gateways}
"""
NAMED = "ctaudit_gateways_group=Edge_Routers\nctaudit_database_group=pg"


def write_ini(
    site: Site, *gateways: str, everywhere: str = NAMED, password: str = PASSWORD, also: str = ""
) -> Path:
    """``gateways``: lines of the group Edge_Routers; ``also``: what stands at the end."""
    text = _HEAD.format(
        package=site.package, name=DATABASE_NAME, tls=site.tls, everywhere=everywhere,
        gateways="\n".join(gateways),
    )  # fmt: skip
    variables = f"\n[Edge_Routers:vars]\nctaudit_database_password={password!r}\n{also}\n"
    path = site.folder / "inventory.ini"
    path.write_text(text + variables)
    return path
