"""How many calls an investigation makes, counted at the API server, and whose logs it reads."""

from __future__ import annotations

import pytest

from benchmarks.collect_calls import counted, investigate
from connectors.api.errors import SourceForbidden
from connectors.api.values import Json
from copilot.evidence.collect_logs import LogReads
from copilot.evidence.engine import EvidenceEngine
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.wanted import ON_DEMAND, called_for
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources
from eval.environments.emulator.environment import Emulator
from tests.copilot.evidence.recorded import FixedClock, RecordedCluster
from tests.copilot.evidence.worlds import NOW, World, scope, three_services


async def test_an_app_of_the_usual_size() -> None:
    with counted() as calls:
        place = await Emulator.start("social_network", warmup_seconds=60)
        try:
            pods = await place.reader.list("Pod", place.namespace)
            calls.reset()
            diagnosis = await investigate(Sources(place.clock, place.reader), place.namespace)
        finally:
            await place.close()
    assert 0 < calls.lists <= 15
    assert 0 < calls.logs <= 20
    told = next(line for line in diagnosis.missing_sources if line.startswith("logs of"))
    names = {pod["metadata"]["name"] for pod in pods}
    assert sum(name in told for name in names) == int(told.split()[2]) > 0


def busy(count: int) -> World:
    world = World()
    for number in range(count):
        world.service(f"s{number:03}", env={"NEXT_URL": f"http://s{number + 1:03}:8080/"})
    return world


def chosen(world: World, calls: int) -> list[str]:
    reads = LogReads(world.cluster, Snapshot(scope(), NOW, world.objects)).plan(calls)
    return [read.arguments["pod"].partition("-")[0] for read in reads]


def test_logs_are_read_by_suspicion() -> None:
    world = busy(40)
    world.crash("s020")
    world.event("Pod", "s030-abc12-x1", "Unhealthy", "Readiness probe failed")
    changed = world.get("Pod", "s010-abc12-x1")
    changed["metadata"]["creationTimestamp"] = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    order = chosen(world, 9)
    # not ready, warned about, changed; then who calls the failing ones, and whom they call
    assert order[:3] == ["s020", "s030", "s010"]
    assert set(order[3:7]) == {"s019", "s021", "s029", "s031"}
    assert len(order) == 9


def test_what_is_left_out_is_named_unread_workloads_first() -> None:
    world = busy(3)
    twin = dict(world.get("Pod", "s000-abc12-x1"))
    twin["metadata"] = {**twin["metadata"], "name": "s000-abc12-x2"}
    world.objects["Pod"].append(twin)
    reads = LogReads(world.cluster, Snapshot(scope(), NOW, world.objects))
    assert len(reads.plan(2)) == 2
    assert [ref.name for ref in reads.unread] == ["s002-abc12-x1", "s000-abc12-x2"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("exceeded quota: tight, requested: pods=1", "ResourceQuota"),
        ("maximum memory usage per Container is 1Gi", "LimitRange"),
        ('serviceaccount "robot" not found', "ServiceAccount"),
        ('persistentvolumeclaim "data" not found', "PersistentVolumeClaim"),
        ('storageclass.storage.k8s.io "fast" not found', "StorageClass"),
        ('secret "login" not found', "Secret"),
    ],
)
def test_a_complaint_calls_for_its_kind(message: str, kind: str) -> None:
    world = three_services()
    assert called_for(world.objects, whole_cluster=False) == []
    world.event("ReplicaSet", "api-abc12", "FailedCreate", message)
    assert kind in called_for(world.objects, whole_cluster=False)


def test_objects_call_for_kinds() -> None:
    world = three_services()
    world.event("CronJob", "nightly", "UnexpectedJob", "x", type="Normal")
    world.get("Pod", "api-abc12-x1")["metadata"]["ownerReferences"] = [
        {"kind": "DaemonSet", "name": "d"}
    ]
    peer = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
    world.add("NetworkPolicy", "only-a", spec={"podSelector": {}, "ingress": [{"from": [peer]}]})
    found = called_for(world.objects, whole_cluster=False)
    assert found == ["Namespace", "CronJob", "DaemonSet"]
    assert "Namespace" in called_for({}, whole_cluster=True)


async def diagnose(cluster: RecordedCluster, *spaces: str) -> tuple[str, ...]:
    wide = Scope("test", spaces, Window.last(NOW))
    events = EvidenceEngine(Sources(FixedClock(NOW), cluster)).investigate("", wide)
    last = [event async for event in events][-1]
    assert isinstance(last, DiagnosisReady)
    return last.diagnosis.missing_sources


async def test_more_is_called_for_than_may_be_listed() -> None:
    world = three_services()
    for number, text in enumerate(("quota", "storageclass", "secret", "serviceaccount", "pvc")):
        world.event("Pod", f"p{number}", "Failed", text)
    missing = await diagnose(world.cluster, "shop")
    assert "not listed, to bound the calls: StorageClass, Secret" in missing


class ManySpaces(RecordedCluster):
    def __init__(self, objects: dict[str, list[Json]], *, together: bool) -> None:
        super().__init__(objects)
        self.calls: list[tuple[str, str | None]] = []
        self.together = together

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        self.calls.append((kind, namespace))
        if namespace is None and not self.together and kind != "Node":
            raise SourceForbidden("only by namespace")
        return await super().list(kind, namespace)


@pytest.mark.parametrize("together", [True, False])
async def test_many_namespaces_are_listed_at_once_where_we_may(together: bool) -> None:
    cluster = ManySpaces(three_services().objects, together=together)
    missing = await diagnose(cluster, "shop", "a", "b", "c")
    services = [place for kind, place in cluster.calls if kind == "Service"]
    assert services == ([None] if together else [None, "shop", "a", "b", "c"])
    assert not any(line.startswith("Service") for line in missing)
    assert len({kind for kind, _ in cluster.calls} & set(ON_DEMAND)) <= 3
