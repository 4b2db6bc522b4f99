"""A lab for each module, PostgreSQL, and all kinds of traffic recorded once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab
from lab.network import build_lab
from lab.recorded import LONG_TIMEOUTS, Recorded, recording_all
from lab.serve import serving
from lab.witness import Witness, delete_all, watching

_COVERAGE = os.environ.get("CTAUDIT_COVERAGE")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Services measure their coverage, but not where a test counts on their speed."""
    if _COVERAGE and item.get_closest_marker("timed") is None:
        os.environ["CTAUDIT_COVERAGE"] = _COVERAGE
    else:
        os.environ.pop("CTAUDIT_COVERAGE", None)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own for each test module, its servers running."""
    with build_lab(f"ctlab-{os.getpid()}") as made, serving(made):
        yield made


@pytest.fixture
def witness(lab: Lab) -> Iterator[Witness]:
    """The conntrack tool listening, from an empty table on."""
    delete_all(lab)
    with watching(lab) as listening:
        yield listening


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for the whole run; each rig has a database of its own in it.

    Nothing here crashes the machine, so fsync would only take time.
    """
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One for the module, that a test may stop, kill and restore; fsync is on."""
    with private_cluster() as made:
        yield made


@pytest.fixture(scope="session")
def recorded(cluster: Cluster) -> Iterator[Recorded]:
    """All kinds of traffic, recorded once."""
    name = f"ctrec-{os.getpid()}"
    with (
        build_lab(name, timeouts=LONG_TIMEOUTS) as made,
        serving(made),
        recording_all(made, cluster) as done,
    ):
        yield done
