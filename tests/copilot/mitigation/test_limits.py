"""What may be written in the newer forms, that each comes back as it was, and when a repair may stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from connectors.api.errors import SourceRejected
from connectors.api.values import Json
from copilot.mitigation.plans import REPLACE, plans
from copilot.mitigation.policy import Policy
from copilot.mitigation.verify import Verification, symptoms_of, verify
from copilot.mitigation.writes import Writes, inverse
from copilot.model.action import Action, CreateObject, Mitigation, Risk, Scale, SetField
from copilot.model.diagnosis import Diagnosis, Finding, RootCause, Severity, Verdict
from copilot.model.errors import PolicyError
from copilot.model.scope import ObjectRef, Scope, Window
from eval.environments.emulator.environment import START
from tests.copilot.mitigation.conftest import Rig

NAMESPACE = "test-social-network"
WORKLOAD = ObjectRef("Deployment", NAMESPACE, "text-service")
SCOPE = Scope("test", (NAMESPACE,), Window.last(START))
POD = "/spec/template/spec"
HOOK = ObjectRef("ValidatingWebhookConfiguration", "", "check")
WALL = ObjectRef("NetworkPolicy", NAMESPACE, "wall")
CAPS = ObjectRef("ResourceQuota", NAMESPACE, "caps")


def manifest(**spec: object) -> str:
    template = {"spec": {"containers": [{"name": "a", "image": "b"}], **spec}}
    body = {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": template}}
    return json.dumps(body)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (SetField(HOOK, "/webhooks/0/failurePolicy", '"Ignore"'), True),
        (SetField(HOOK, "/webhooks/0/rules", "[]"), False),
        (SetField(HOOK, "/webhooks/0/clientConfig/url", '"https://x"'), False),
        (SetField(WALL, "/spec/ingress", "[]"), True),
        (SetField(WALL, "/spec/podSelector", "{}"), False),
        (SetField(WORKLOAD, f"{POD}/hostNetwork"), True),
        (SetField(WORKLOAD, f"{POD}/hostNetwork", "true"), False),
        (SetField(WORKLOAD, "/spec/paused", "false"), True),
        (CreateObject(ObjectRef("Deployment", NAMESPACE, "x"), manifest()), True),
        (CreateObject(ObjectRef("Deployment", NAMESPACE, "x"), manifest(hostNetwork=True)), False),
        (Scale(WORKLOAD, -1), False),
    ],
)
def test_policy(action: Action, allowed: bool) -> None:
    if allowed:
        Policy().check(action, SCOPE)
        return
    with pytest.raises(PolicyError):
        Policy().check(action, SCOPE)


async def test_fewer_replicas_than_now_may_always_be_wanted(rig: Rig) -> None:
    crowd: Json = {"spec": {"replicas": 40}}
    await rig.environment.writer.patch("Deployment", NAMESPACE, WORKLOAD.name, crowd)
    assert await rig.propose(Scale(WORKLOAD, 30))
    with pytest.raises(PolicyError, match="50 replicas"):
        await rig.propose(Scale(WORKLOAD, 50))


async def made(rig: Rig) -> None:
    """Create what the fields are set in."""
    spec: Json = {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}]}],
    }
    service = {"name": "x", "namespace": NAMESPACE}
    hook: Json = {
        "name": "check.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service}, "failurePolicy": "Fail", "rules": [],
    }  # fmt: skip
    for ref, version, body in (
        (WALL, "networking.k8s.io/v1", {"spec": spec}),
        (CAPS, "v1", {"spec": {"hard": {"pods": "90", "requests.cpu": "40"}}}),
        (HOOK, "admissionregistration.k8s.io/v1", {"webhooks": [hook]}),
    ):
        metadata = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
        full: Json = {"apiVersion": version, "kind": ref.kind, "metadata": metadata, **body}
        await rig.environment.writer.create(ref.kind, ref.namespace, full)
    extra = {"name": "extra", "image": "busybox:latest", "command": ["sleep", "9"]}
    patch: list[Json] = [
        {"op": "add", "path": f"{POD}/containers/1", "value": extra},
        {"op": "add", "path": f"{POD}/dnsPolicy", "value": "Default"},
        {"op": "add", "path": f"{POD}/dnsConfig", "value": {"nameservers": ["10.1.2.3"]}},
        {"op": "add", "path": f"{POD}/securityContext", "value": {"runAsNonRoot": True}},
    ]
    await rig.environment.writer.patch("Deployment", NAMESPACE, WORKLOAD.name, patch, type="json")


async def test_every_form_comes_back_as_it_was(rig: Rig) -> None:
    await made(rig)
    writes = Writes(rig.environment.writer, rig.environment.reader, rig.environment.clock)
    resources = '{"requests": {"cpu": "10m"}}'
    for action in (
        SetField(HOOK, "/webhooks/0/failurePolicy", '"Ignore"'),
        SetField(WALL, "/spec/ingress", '[{"from": [{"podSelector": {}}]}, {}]'),
        SetField(CAPS, "/spec/hard", '{"pods": "180"}'),
        SetField(WORKLOAD, f"{POD}/containers/1"),
        SetField(WORKLOAD, f"{POD}/containers/0/resources", resources),
        SetField(WORKLOAD, f"{POD}/dnsPolicy", '"ClusterFirst"'),
        SetField(WORKLOAD, f"{POD}/dnsConfig"),
        SetField(WORKLOAD, f"{POD}/securityContext/runAsNonRoot"),
        SetField(WORKLOAD, "/spec/strategy", '{"type": "Recreate"}'),
    ):
        Policy().check(action, SCOPE)
        before = await state(rig, action.object)
        planned = await plans(action, rig.environment.reader, rig.environment.clock.now())
        assert await writes.dry_run(planned), action
        await writes.apply(planned)
        assert await state(rig, action.object) != before
        await writes.take_back(action.object, inverse(planned), partly=False)
        assert await state(rig, action.object) == before


async def state(rig: Rig, ref: ObjectRef) -> str:
    body = await rig.get(ref)
    return json.dumps({k: body.get(k) for k in ("spec", "webhooks")}, sort_keys=True)


class Bound:
    """A reader of a claim that has its volume; nobody may write."""

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        return {"kind": kind, "metadata": {"name": name}, "status": {"phase": "Bound"}}


async def test_a_claim_that_got_its_volume_is_not_taken_from_its_pods() -> None:
    writes = Writes(None, Bound(), None)  # type: ignore[arg-type]
    ref = ObjectRef("PersistentVolumeClaim", NAMESPACE, "data")
    with pytest.raises(SourceRejected, match="bound now"):
        await writes.take_back(ref, [{"op": REPLACE, "value": {}}], partly=False)


class Hand:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def finding(name: str) -> Finding:
    return Finding(
        "down", ObjectRef("Deployment", "n", name), Severity.CRITICAL, "x", (f"ev-{name}",)
    )


@pytest.mark.parametrize(
    ("ends", "cured", "least", "most"),
    [
        ({"a": 30, "b": 60}, True, 60, 100),
        ({"a": 30, "b": 400}, True, 400, 450),
        ({"a": 30, "b": 9999}, False, 600, 660),
        ({"a": 9999, "b": 9999}, False, 240, 270),
    ],
)
async def test_patience_for_the_rest_where_a_part_is_gone(
    ends: dict[str, float], cured: bool, least: float, most: float
) -> None:
    clock, windows = Hand(), []

    async def seen(scope: Scope) -> tuple[Finding, ...]:
        windows.append(scope.window.seconds)
        now = (clock.now() - START).total_seconds()
        return tuple(finding(name) for name, end in ends.items() if now < end)

    async def finished() -> str:
        return ""

    keys = tuple(finding(name).key for name in ends)
    outcome = await verify(
        keys, frozenset(keys), SCOPE, seen, finished, clock, Verification()
    )  # fmt: skip
    assert outcome.cured is cured
    assert least <= outcome.seconds <= most
    assert max(windows) <= Verification().recent


def diagnosed(*roots: RootCause) -> Diagnosis:
    shared = Finding(
        "users.errors", ObjectRef("Service", "n", "front"), Severity.CRITICAL, "x", ("ev-a", "ev-b")
    )
    found: Sequence[Finding] = (finding("a"), finding("b"), shared)
    return Diagnosis(Verdict.INCIDENT, "x", SCOPE, roots, tuple(found))


def test_what_another_cause_explains_as_well_may_stay() -> None:
    a, b = (finding(n).object for n in "ab")
    first = RootCause(a, "one.cause", "why", 0.9, ("ev-a",))
    action = Mitigation("m", "one.cause", "t", Scale(a, 1), Risk.LOW, "u", "k")
    other = RootCause(b, "other.cause", "why", 0.9, ("ev-b",))
    assert symptoms_of(diagnosed(first, other), action) == (finding("a").key,)
    doubtful = RootCause(b, "other.cause", "why", 0.1, ("ev-b",))
    assert len(symptoms_of(diagnosed(first, doubtful), action)) == 2


def test_an_unlikely_cause_with_a_symptom_of_its_own_is_another_one() -> None:
    a, b = (finding(n).object for n in "ab")
    first = RootCause(a, "one.cause", "why", 0.9, ("ev-a",))
    action = Mitigation("m", "one.cause", "t", Scale(a, 1), Risk.LOW, "u", "k")
    for confidence, shared in ((0.45, False), (0.2, True)):
        other = RootCause(b, "other.cause", "why", confidence, ("ev-b",))
        assert (len(symptoms_of(diagnosed(first, other), action)) == 2) is shared
    # A rival has nothing of its own: both are about the same symptoms.
    rival = RootCause(ObjectRef("Deployment", "n", "c"), "other.cause", "why", 0.45, ("ev-b",))
    assert len(symptoms_of(diagnosed(first, rival), action)) == 2


@pytest.mark.parametrize(
    ("cause", "own_gone", "cured"),
    [("image.not_found", True, True), ("dependency.unreachable", True, False),
     ("image.not_found", False, False)],
)  # fmt: skip
async def test_a_right_repair_is_kept_where_something_else_is_broken_too(
    cause: str, own_gone: bool, cured: bool
) -> None:
    clock = Hand()
    own, users = finding("a"), finding("front")
    other = Finding("down", ObjectRef("Deployment", "n", "b"), Severity.CRITICAL, "x", ("ev-b",),
                    supports=(cause,))  # fmt: skip

    async def seen(_scope: Scope) -> tuple[Finding, ...]:
        return (users, other) if own_gone else (own, other)

    async def finished() -> str:
        return ""

    keys = (own.key, users.key)
    before = frozenset((*keys, other.key))
    outcome = await verify(
        keys, before, SCOPE, seen, finished, clock, Verification(), {str(own.object)}
    )
    assert outcome.cured is cured
    assert outcome.others == ((other.key,) if cured else ())
    assert outcome.remaining == ((users if own_gone else own).key,)
