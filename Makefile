# Everything a newcomer runs; each target installs what it lacks by itself.
.PHONY: setup demo demo-down test lint unit store lab machine torture clean help

help:
	@echo 'sudo make demo            one connection through a real NAT gateway, recorded and asked for'
	@echo 'sudo make demo KEEP=1     the same, left standing to play with'
	@echo 'sudo make test            linters, unit tests, database, lab'
	@echo 'sudo make torture         the long runs of faults and mutations'
	@echo 'sudo make deb             the Debian package, in dist/'
	@echo 'sudo make apt-repo        a signed archive of it, in dist/apt'
	@echo 'sudo make package-test    the package in booted Debian 12 and 13: install, upgrade, purge'
	@echo 'sudo make setup           leaves the command at .venv/bin/ctaudit'

setup:
	@tools/setup

demo: setup
	@.venv/bin/python -m tests.lab.demo $(if $(KEEP),--keep)

demo-down:
	@.venv/bin/python -m tests.lab.demo --down

test: setup-test lint unit store lab machine package-smoke
	@echo 'all of make test has passed'

.PHONY: setup-test
setup-test:
	@tools/setup test

lint: setup-test
	@echo '== linters'
	.venv/bin/ruff check src tests tools
	.venv/bin/ruff format --check src tests tools
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

machine: setup-test
	@echo '== machine: a booted Debian with real systemd'
	.venv/bin/python -m pytest -v tests/machine

torture: setup-test
	@echo '== torture: long runs of faults and mutations (under 15 minutes)'
	.venv/bin/python -m tests.torture.fuzz_decode --seed 1 --seconds 60
	.venv-newest/bin/python -m tests.torture.fuzz_decode --seed 2 --seconds 60
	.venv/bin/python -m pytest -v tests/torture

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

clean:
	rm -rf dist .venv .venv-newest .pytest_cache .mypy_cache .ruff_cache .hypothesis
