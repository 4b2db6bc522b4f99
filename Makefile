# Everything a newcomer runs; each target installs what it lacks by itself.
.PHONY: setup demo demo-down test lint unit store lab machine torture clean help

help:
	@echo 'sudo make demo            one connection through a real NAT gateway, recorded and asked for'
	@echo 'sudo make demo KEEP=1     the same, left standing to play with'
	@echo 'sudo make test            linters, unit tests, database, lab'
	@echo 'sudo make torture         the long runs of faults and mutations'
	@echo 'sudo make bench           side by side with ulogd2 and COPY: docs/performance.md'
	@echo 'sudo make bench-long      idle, latency, 10 minutes of load, a burst: the same page'
	@echo 'sudo make deb             the Debian package, in dist/'
	@echo 'sudo make apt-repo        a signed archive of it, in dist/apt'
	@echo 'sudo make package-test    the package in booted Debian 12 and 13: install, upgrade, purge'
	@echo 'sudo make fleet           two gateways and a database host, by the Ansible role, left standing'
	@echo 'sudo make fleet-down      takes them away'
	@echo 'sudo make test-fleet      the Ansible role on booted Debian 12 and 13, all scenarios'
	@echo 'sudo make setup           leaves the command at .venv/bin/ctaudit'

setup:
	@tools/setup

demo: setup
	@.venv/bin/python -m lab.demo $(if $(KEEP),--keep)

demo-down:
	@.venv/bin/python -m lab.demo --down

test: setup-test lint unit store lab machine package-smoke lint-role \
    molecule-default
	@echo 'all of make test has passed'

.PHONY: setup-test
setup-test:
	@tools/setup test

lint: setup-test
	@echo '== linters'
	.venv/bin/ruff check src lab tests tools bench molecule roles
	.venv/bin/ruff format --check src lab tests tools bench molecule roles
	.venv/bin/mypy

unit: setup-test
	@echo '== unit tests, with the distribution'"'"'s libraries'
	.venv/bin/python -m pytest -q tests/unit
	@echo '== unit tests, with the newest libraries'
	.venv-newest/bin/python -m pytest -q tests/unit

store: setup-test
	@echo '== database tests'
	.venv/bin/python -m pytest -q tests/store
	@echo '== database tests, with the newest psycopg'
	.venv-newest/bin/python -m pytest -q tests/store

lab: setup-test
	@echo '== lab: real traffic through a real gateway'
	.venv/bin/python -m pytest -v tests/lab
	@echo '== lab: a gateway seen through the newest pyroute2'
	.venv-newest/bin/python -m pytest -q tests/lab/test_surroundings.py -k 'not receiver'

machine: setup-test setup-package
	@echo '== machine: a booted Debian with real systemd'
	.venv/bin/python -m pytest -v tests/machine

torture: setup-test
	@echo '== torture: long runs of faults and mutations (under 15 minutes)'
	.venv/bin/python -m tests.torture.fuzz_decode --seed 1 --seconds 60 & \
	.venv-newest/bin/python -m tests.torture.fuzz_decode --seed 2 --seconds 60 && wait $$!
	.venv/bin/python -m pytest -v -rP --durations=12 tests/torture

.PHONY: bench bench-long
bench: setup
	@tools/setup bench
	.venv/bin/python -m bench side

bench-long: setup-test
	@tools/setup bench
	.venv/bin/python -m bench long

.PHONY: setup-package deb apt-repo package-smoke package-test
setup-package:
	@tools/setup package

deb: setup-package
	@tools/deb

apt-repo: deb
	@tools/apt-repo

package-smoke: setup-test setup-package
	@echo '== package: from apt install to an answer, in a booted Debian 12'
	.venv/bin/python -m pytest -v tests/package/test_smoke.py

package-test: setup-test setup-package
	@echo '== package: install, upgrade under load, purge, in booted Debian 12 and 13'
	CTAUDIT_RELEASES="bookworm trixie" .venv/bin/python -m pytest -v tests/package

.PHONY: setup-fleet lint-role role-faults molecule-default fleet fleet-down test-fleet
setup-fleet: setup-test setup-package
	@tools/setup ansible

lint-role: setup-fleet
	@echo '== linters of the role'
	.venv-ansible/bin/python tools/role-readme --check
	.venv-ansible/bin/yamllint --strict .
	PATH="$$PWD/.venv-ansible/bin:$$PATH" .venv-ansible/bin/ansible-lint -q

role-faults: setup-fleet
	@echo '== role: what goes wrong is said at the right task, and repaired by a second run'
	.venv/bin/python -m pytest -v tests/role

molecule-default: setup-fleet
	@echo '== role: a bare Debian 12 becomes a gateway that answers'
	tools/molecule test -s default

fleet: setup-fleet
	@tools/molecule converge -s fleet
	@/usr/bin/python3 -m lab.fleet.show

fleet-down: setup-fleet
	@tools/molecule destroy -s fleet

test-fleet: lint-role role-faults
	@echo '== role: all scenarios, in booted Debian 12 and 13'
	for release in bookworm trixie; do for scenario in default fleet upgrade; do \
	    CTAUDIT_RELEASE=$$release tools/molecule test -s $$scenario || exit 1; \
	done; done

clean:
	rm -rf dist .venv .venv-newest .venv-ansible .pytest_cache .mypy_cache .ruff_cache .hypothesis
