"""One cluster for the run, one app for each module, one home for each person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.app import Library
from tests.cluster.cli import Copilot
from tests.cluster.kube import Kube


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    given = os.environ.get("KUBECONFIG", "")
    if not given:
        pytest.fail("these tests need a cluster: set KUBECONFIG to a kubeconfig file")
    return Path(given).absolute()


@pytest.fixture(scope="session")
def kube(kubeconfig: Path) -> Iterator[Kube]:
    with Kube(kubeconfig) as kube:
        yield kube


@pytest.fixture(scope="session")
def dying() -> Iterator[list[Library]]:
    """Apps that are being deleted: the run ends when nothing of them is left."""
    libraries: list[Library] = []
    yield libraries
    for library in libraries:
        library.wait_until_gone()


@pytest.fixture(scope="module")
def library(kube: Kube, dying: list[Library]) -> Iterator[Library]:
    library = Library.deploy(kube)
    try:
        yield library
    finally:
        library.teardown()
        dying.append(library)


@pytest.fixture
def copilot(tmp_path: Path, kubeconfig: Path) -> Copilot:
    return Copilot(tmp_path / "person", kubeconfig)
