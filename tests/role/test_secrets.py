"""No secret in what Ansible says, nor where anybody but the service could read it."""

from __future__ import annotations

import stat

from tests.role.conftest import PASSWORD, Site
from tests.role.playing import assert_done, play


def test_secrets_are_not_told(site: Site) -> None:
    # Another one than there is, so that each of its tasks changes something; however it is
    # quoted, its last word stays.
    site.write(r1={"ctaudit_database_password": f"{PASSWORD} q7x2k9"})
    run = play(site.inventory, "-vvv", "--diff")
    assert_done(run)
    assert run.changed("r1") > 0
    assert "q7x2k9" not in run.text
    for name in ("r2.key", "db.role.test.key"):
        assert site.read(name).splitlines()[1] not in run.text


def test_credentials_are_the_services_alone(site: Site) -> None:
    assert_done(play(site.inventory))
    for machine, file in (
        ("r1", "/var/lib/ctaudit/.pgpass"),
        ("r2", "/var/lib/ctaudit/client.key"),
    ):
        path = site.machine(machine).path(file)
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        refused = site.machine(machine).run(["cat", file], user="ctaudit-receiver", check=False)
        assert "Permission denied" in refused.stderr
    verifier = "SELECT rolname, left(rolpassword, 13) FROM pg_authid WHERE rolname ~ '^r[12]$'"
    words = ["psql", "-XAtq", "-c", f"{verifier} ORDER BY 1"]
    said = site.machine("rdb").run(words, user="postgres").stdout
    assert said.split() == ["r1|SCRAM-SHA-256", "r2|"]
