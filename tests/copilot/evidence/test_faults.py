"""Real runs on a real cluster, recorded: each fault is named, and nothing else is seen in peace."""

from __future__ import annotations

import pytest

from copilot.model.diagnosis import Verdict
from copilot.model.scope import ObjectRef
from tests.copilot.evidence.recorded import Recording, diagnose_recording

FAULTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "targetport": (("Service/api",), ("service.target_port_mismatch",)),
    "targetport-store": (("Service/store",), ("service.target_port_mismatch",)),
    "named-port": (("Service/api",), ("service.target_port_mismatch",)),
    "image": (("Deployment/api",), ("image.not_found",)),
    "image-store": (("Deployment/store",), ("image.not_found",)),
    "nodeselector": (("Deployment/api",), ("scheduling.node_selector",)),
    "secret": (("Deployment/store",), ("config.secret_missing",)),
    "badvol-secret": (("Deployment/store",), ("config.secret_missing",)),
    "cm-key": (("Deployment/api",), ("config.configmap_missing",)),
    "ready-port": (("Deployment/web",), ("probe.readiness_misconfigured",)),
    "ready-path": (("Deployment/api",), ("probe.readiness_misconfigured",)),
    "ready-500": (("Deployment/web",), ("config.env_wrong", "application.errors")),
    "live-aggr": (("Deployment/api",), ("probe.liveness_misconfigured",)),
    "live-path": (("Deployment/store",), ("probe.liveness_misconfigured",)),
    "oom": (("Deployment/store",), ("resources.memory_limit_too_low",)),
    "oom-limit": (("Deployment/store",), ("resources.memory_limit_too_low",)),
    "selector": (("Service/store",), ("service.selector_mismatch",)),
    "svc-deleted": (("Service/api",), ("service.missing",)),
    "scale0": (("Deployment/store",), ("workload.scaled_to_zero",)),
    "env-host": (("Deployment/api",), ("config.env_wrong",)),
    "env-port": (("Deployment/api",), ("config.env_wrong",)),
    "command": (("Deployment/api",), ("workload.bad_command",)),
    "command2": (("Deployment/store",), ("workload.bad_command",)),
    "live-port": (("Deployment/api",), ("probe.liveness_misconfigured",)),
    "wrong-program": (("Deployment/store",), ("workload.bad_command",)),
    "privport": (("Deployment/api",), ("config.env_wrong",)),
    "victims": (("Deployment/store",), ("workload.scaled_to_zero",)),
    "victims-image": (("Deployment/store",), ("image.not_found",)),
    "victims-port": (("Service/store",), ("service.target_port_mismatch",)),
    "crash-plain": (("Deployment/store",), ("workload.crash_on_start",)),
    "init": (("Deployment/api",), ("init.stuck",)),
    "quota": (("ResourceQuota/tight",), ("resources.quota_exceeded",)),
    "limitrange": (("LimitRange/lr",), ("resources.limit_range",)),
    "request": (("Deployment/store",), ("resources.request_too_large",)),
    "netpol": (("NetworkPolicy/deny-store",), ("network.policy_blocks",)),
    "pvc": (("Deployment/store",), ("storage.claim_missing",)),
    "sa": (("Deployment/store",), ("security.service_account_missing",)),
}
IDLE = ("targetport", "selector", "env-host", "svc-deleted", "scale0")
"""The same faults in an app that nobody calls: no log tells of them."""
CALM = ("calm", "calm-noise", "after-live-path", "after-oom-limit", "after-scale0", "after-secret", "after-image",
        "after-selector", "after-targetport", "after-env-host", "after-live-aggr")  # fmt: skip
"""Before anything, and right after recovery, with restarts, warnings and errors lying around."""


def short(ref: ObjectRef) -> str:
    return f"{ref.kind}/{ref.name}"


@pytest.mark.parametrize("name", FAULTS)
async def test_object_and_cause_come_first(name: str) -> None:
    objects, causes = FAULTS[name]
    diagnosis = await diagnose_recording(name)
    assert diagnosis.verdict is Verdict.INCIDENT
    top = diagnosis.root_causes[0]
    assert (short(top.object), top.cause) in {(o, c) for o in objects for c in causes}
    assert top.confidence >= 0.5


@pytest.mark.parametrize("name", [n for n in FAULTS if n not in ("crash-plain",)])
async def test_it_does_so_without_field_managers_and_applied_manifests(name: str) -> None:
    objects, causes = FAULTS[name]
    diagnosis = await diagnose_recording(name, history=False)
    assert diagnosis.verdict is Verdict.INCIDENT
    top = diagnosis.root_causes[0]
    assert (short(top.object), top.cause) in {(o, c) for o in objects for c in causes}


@pytest.mark.parametrize("name", IDLE)
async def test_it_does_so_without_traffic(name: str) -> None:
    objects, causes = FAULTS[name]
    diagnosis = await diagnose_recording(f"idle-{name}")
    assert diagnosis.verdict is Verdict.INCIDENT
    top = diagnosis.root_causes[0]
    assert (short(top.object), top.cause) in {(o, c) for o in objects for c in causes}


@pytest.mark.parametrize("name", CALM)
@pytest.mark.parametrize("history", [True, False])
async def test_leftovers_are_no_incident(name: str, history: bool) -> None:
    diagnosis = await diagnose_recording(name, history=history)
    assert diagnosis.verdict is Verdict.HEALTHY, diagnosis.summary
    assert diagnosis.root_causes == ()
    assert diagnosis.mitigations == ()


@pytest.mark.parametrize("name", FAULTS)
async def test_every_citation_is_verbatim_and_every_object_is_top_level(name: str) -> None:
    diagnosis = await diagnose_recording(name)
    evidence = {item.id: item for item in diagnosis.evidence}
    pods = {p["metadata"]["name"] for p in Recording(name).cluster.objects["Pod"]}
    for cause in diagnosis.root_causes:
        assert cause.evidence
        assert cause.object.kind not in ("ReplicaSet", "Pod")
        assert cause.object.name not in pods
        for step in cause.chain:
            assert step.evidence and set(step.evidence) <= evidence.keys()
        for key in cause.evidence:
            assert evidence[key].excerpt in evidence[key].text
            assert evidence[key].query.startswith("kubectl ")
    assert all(m.undo and m.kubectl and m.evidence for m in diagnosis.mitigations)
