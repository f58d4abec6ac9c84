"""`investigate` on a real cluster: healthy, then the cause at rank 1, then healthy again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.app import Library
from tests.cluster.breaking import Fault
from tests.cluster.cli import Answer, Copilot, said
from tests.cluster.faults import FAULTS, MORE_FAULTS, TAINTED_NODE, allow_all, deny_all

# Somebody who was paged needs at least this long to type the command.
SECONDS_TO_TYPE = 5
SECONDS_TO_CALM_DOWN = 60


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault's life: what the copilot said while it lasted, and after it was repaired."""

    fault: Fault
    during: Answer
    facts: str
    after: Answer
    tries: int
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        return self.during.document

    @property
    def message(self) -> str:
        expected = f"expected {self.fault.objects} {sorted(self.fault.causes)}"
        return f"{self.fault.id}: {expected}\n{said(self.report)}\n{self.facts}"


@pytest.fixture(
    scope="module",
    params=[
        *(pytest.param(fault, id=fault.id, marks=pytest.mark.cluster) for fault in FAULTS),
        *(
            pytest.param(fault, id=fault.id, marks=pytest.mark.cluster_long)
            for fault in MORE_FAULTS
        ),
    ],
)
def incident(
    request: pytest.FixtureRequest,
    library: Library,
    kubeconfig: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Incident]:
    fault: Fault = request.param
    if fault is TAINTED_NODE and len(library.kube.all("Node", "")) > 1:
        pytest.skip("tainting every node is for clusters of one node that nobody else uses")
    copilot = Copilot(tmp_path_factory.mktemp("person"), kubeconfig)
    try:
        fault.break_it(library)
        time.sleep(SECONDS_TO_TYPE)
        during = copilot.investigate(library.namespace)
        facts = library.facts()
    finally:
        fault.repair(library)
    recovered = time.monotonic()
    after, tries = _until_healthy(copilot, library.namespace)
    yield Incident(fault, during, facts, after, tries, time.monotonic() - recovered)


def _until_healthy(copilot: Copilot, namespace: str) -> tuple[Answer, int]:
    end = time.monotonic() + SECONDS_TO_CALM_DOWN
    tries = 0
    while True:
        tries += 1
        answer = copilot.investigate(namespace)
        if answer.code == 0 or time.monotonic() > end:
            return answer, tries
        time.sleep(5)


@pytest.mark.cluster
@pytest.mark.cluster_long
def test_healthy_before(library: Library, copilot: Copilot) -> None:
    # When it came up, callers were there before the called, and logged it.
    answer, tries = _until_healthy(copilot, library.namespace)
    report = answer.document
    told = f"{tries} tries\n{said(report)}\n{library.facts()}"
    assert report["verdict"] == "healthy", told
    assert answer.code == 0
    assert report["root_causes"] == []
    assert report["pending_approval"] is None
    assert report["scope"]["namespaces"] == [library.namespace]
    assert report["author"] == "engine"


def test_names_object_and_cause_first(incident: Incident) -> None:
    report = incident.report
    assert report["verdict"] == "incident", incident.message
    assert incident.during.code == 10, incident.message
    assert report["root_causes"], incident.message
    first = report["root_causes"][0]
    kind, name = first["object"]["kind"], first["object"]["name"]
    allowed = incident.fault.objects
    assert (kind, name) in allowed or (kind, "*") in allowed, incident.message
    assert first["cause"] in incident.fault.causes, incident.message


def test_quotes_the_evidence(incident: Incident) -> None:
    report = incident.report
    known = {evidence["id"]: evidence for evidence in report["evidence"]}
    assert report["root_causes"], incident.message
    for cause in report["root_causes"]:
        cited = {*cause["evidence"], *(id for step in cause["chain"] for id in step["evidence"])}
        assert cited <= known.keys(), (
            f"{cited - known.keys()} not in evidence[]\n{incident.message}"
        )
    first = report["root_causes"][0]
    cited = {*first["evidence"], *(id for step in first["chain"] for id in step["evidence"])}
    assert len(cited) >= 2, f"only {cited}\n{incident.message}"
    for id in cited:
        assert known[id]["excerpt"].strip(), f"{id} quotes nothing"
        assert known[id]["query"].strip(), f"{id} cannot be repeated"


def test_healthy_after_recovery(incident: Incident) -> None:
    report = incident.after.document
    told = (
        f"{incident.fault.id}: {incident.tries} tries in {incident.seconds:.0f} s\n{said(report)}"
    )
    print(told)
    assert report["verdict"] == "healthy", told
    assert incident.after.code == 0, told


@pytest.mark.cluster_long
def test_a_network_policy_is_blamed_only_if_it_blocks(library: Library, copilot: Copilot) -> None:
    # Not every network plug-in enforces policies. Where none does, the object is there, but
    # everybody is served: nothing is wrong.
    deny_all(library)
    try:
        time.sleep(SECONDS_TO_TYPE + 10)
        served = library.serves()
        answer = copilot.investigate(library.namespace)
    finally:
        allow_all(library)
        library.wait_until_serving()
    report = answer.document
    if served:
        assert report["verdict"] == "healthy", said(report)
        return
    assert report["verdict"] == "incident", said(report)
    first = report["root_causes"][0]
    assert first["object"]["kind"] == "NetworkPolicy", said(report)
    assert first["cause"] == "network.policy_blocks", said(report)
