"""`fix` on a real cluster: repairs for real, can be taken back, and never oversteps its rights."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.app import Library, wait
from tests.cluster.breaking import Fault
from tests.cluster.cli import Answer, Copilot, said
from tests.cluster.faults import IMPOSSIBLE_NODE_SELECTOR, UNKNOWN_IMAGE, WRONG_TARGET_PORT
from tests.cluster.kube import Document, Kube
from tests.cluster.people import reader

pytestmark = pytest.mark.cluster

SECONDS_TO_TYPE = 5


@pytest.fixture
def broken(library: Library) -> Iterator[Library]:
    """The app with a wrong target port, which takes a second to put in and out."""
    try:
        WRONG_TARGET_PORT.break_it(library)
        time.sleep(SECONDS_TO_TYPE)
        yield library
    finally:
        WRONG_TARGET_PORT.repair(library)


@pytest.fixture(scope="module")
def viewer(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    given = os.environ.get("CLUSTER_TEST_VIEWER_KUBECONFIG")
    if given:
        yield Path(given).absolute()
        return
    with reader(kube, tmp_path_factory.mktemp("viewer")) as path:
        yield path


@pytest.fixture(scope="module")
def neighbour(
    kube: Kube, library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Somebody who may look into the app's namespace and nowhere else."""
    folder = tmp_path_factory.mktemp("neighbour")
    with reader(kube, folder, only_in=library.namespace) as path:
        yield path


def proposal(copilot: Copilot, library: Library) -> str:
    report = copilot.investigate(library.namespace).document
    approval = report["pending_approval"]
    assert isinstance(approval, str), f"nothing to approve\n{said(report)}\n{library.facts()}"
    assert re.fullmatch(r"ap-[0-9a-f]+", approval)
    return approval


def serves_again(library: Library) -> None:
    # "Verified" is a promise about now: only the addresses may still be on their way to the nodes.
    served = False
    end = time.monotonic() + 5
    while not served and time.monotonic() < end:
        served = all(library.serves() for _ in range(5))
    assert served, f"visitors are still turned away\n{library.facts()}"


def only_error(answer: Answer) -> str:
    assert len(answer.errors) == 1, answer
    return answer.errors[0]


def spec_of(library: Library, fault: Fault) -> Document:
    kind, name = fault.objects[0]
    return library.specs()[f"{kind}/{name}"]


@pytest.mark.parametrize(
    "fault", [UNKNOWN_IMAGE, IMPOSSIBLE_NODE_SELECTOR], ids=lambda fault: fault.id
)
def test_fix_repairs(fault: Fault, library: Library, copilot: Copilot) -> None:
    try:
        fault.break_it(library)
        time.sleep(SECONDS_TO_TYPE)
        approval = proposal(copilot, library)
        fixed = copilot.on_cluster("fix", approval)
        assert fixed.code == 0, f"{fixed}\n{library.facts()}"
        assert "Verified" in fixed.stdout
        serves_again(library)
    finally:
        fault.repair(library)


def test_fix_repairs_and_takes_it_back(broken: Library, copilot: Copilot) -> None:
    fault = WRONG_TARGET_PORT
    faulty = spec_of(broken, fault)
    approval = proposal(copilot, broken)
    assert spec_of(broken, fault) == faulty, "a proposal must change nothing"

    fixed = copilot.on_cluster("fix", approval)
    assert fixed.code == 0, f"{fixed}\n{broken.facts()}"
    assert "Verified" in fixed.stdout
    serves_again(broken)
    assert spec_of(broken, fault) != faulty

    undone = copilot.on_cluster("fix", "--undo", approval)
    assert undone.code == 0, undone
    assert spec_of(broken, fault) == faulty
    wait("the fault to be back", lambda: not broken.serves(), seconds=20)


def test_fix_without_terminal_needs_an_id(broken: Library, copilot: Copilot) -> None:
    approval = proposal(copilot, broken)
    before = broken.specs()
    refused = copilot.on_cluster("fix")
    assert refused.code == 6, refused
    assert "terminal" in only_error(refused)
    assert approval in refused.stderr, "it does not say how to approve"
    assert broken.specs() == before


def test_reading_rights_are_enough_to_investigate_and_not_to_fix(
    broken: Library, copilot: Copilot, viewer: Path, tmp_path: Path
) -> None:
    looking = Copilot(tmp_path / "viewer", viewer)
    answer = looking.investigate(broken.namespace)
    report = answer.document
    assert answer.code == 10, said(report)
    first = report["root_causes"][0]
    assert (first["object"]["kind"], first["object"]["name"]) in WRONG_TARGET_PORT.objects
    assert first["cause"] in WRONG_TARGET_PORT.causes

    # Whoever may write proposes; whoever may only read tries to approve.
    approvals = [(Copilot(copilot.home, viewer), proposal(copilot, broken))]
    if report["pending_approval"]:
        approvals.append((looking, report["pending_approval"]))
    before = broken.specs()
    for person, approval in approvals:
        refused = person.on_cluster("fix", approval)
        assert refused.code == 4, refused
        assert "forbid" in only_error(refused).lower(), refused
        assert broken.specs() == before


def test_rights_in_one_namespace_are_enough_there(
    broken: Library, neighbour: Path, tmp_path: Path
) -> None:
    answer = Copilot(tmp_path / "neighbour", neighbour).investigate(broken.namespace)
    report = answer.document
    assert answer.code == 10, said(report)
    first = report["root_causes"][0]
    assert (first["object"]["kind"], first["object"]["name"]) in WRONG_TARGET_PORT.objects
    assert first["cause"] in WRONG_TARGET_PORT.causes


def test_a_forbidden_namespace(neighbour: Path, tmp_path: Path) -> None:
    answer = Copilot(tmp_path / "neighbour", neighbour).investigate("kube-system")
    assert answer.code == 4, answer
    assert "kube-system" in only_error(answer)
    assert answer.document["error"]["exit_code"] == 4


def test_an_unknown_namespace(copilot: Copilot) -> None:
    answer = copilot.investigate("nowhere-at-all")
    assert answer.code == 5, answer
    assert "nowhere-at-all" in only_error(answer)
    assert answer.document["error"]["exit_code"] == 5


def test_an_unknown_service(library: Library, copilot: Copilot) -> None:
    answer = copilot.investigate(library.namespace, "--service", "loanz")
    assert answer.code == 5, answer
    assert "loanz" in only_error(answer)
    assert "loans" in answer.stderr.replace("loanz", ""), "it does not say what is there"
    assert answer.document["error"]["exit_code"] == 5
