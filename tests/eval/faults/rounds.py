"""One fault's whole way in an environment that goes on living afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.api.values import Json
from eval.apps.model import App
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import FAULTS, fault, targets
from eval.faults.symptoms import observed

_LOOK_AGAIN = 60.0
_RENEWALS = 6
WATCHED = (
    "Deployment", "StatefulSet", "DaemonSet", "Service", "ConfigMap", "Secret", "ServiceAccount",
    "PersistentVolumeClaim", "ResourceQuota", "LimitRange", "NetworkPolicy", "Ingress", "CronJob",
    "Job", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Role", "RoleBinding",
    "Pod", "ReplicaSet", "Event",
)  # fmt: skip
CLUSTER_WIDE = (
    "Node", "PersistentVolume", "StorageClass", "PriorityClass", "Namespace",
    "ValidatingWebhookConfiguration",
)  # fmt: skip

Snapshot = dict[tuple[str, str], Json]


@dataclass
class Round:
    """What happened to one fault: everything that was not as it should be, and what was seen."""

    app: str
    kind: str
    target: str
    wrong: list[str] = field(default_factory=list)
    before: Snapshot = field(default_factory=dict)
    during: Snapshot = field(default_factory=dict)


async def snapshot(environment: Emulator) -> Snapshot:
    """All objects of the app's namespace and of the cluster, by kind and name."""
    found: Snapshot = {}
    for kind in WATCHED:
        for item in await environment.reader.list(kind, environment.namespace):
            found[kind, item["metadata"]["name"]] = item
    for kind in CLUSTER_WIDE:
        for item in await environment.reader.list(kind):
            found[kind, item["metadata"]["name"]] = item
    return found


async def whole_way(
    environment: Emulator, kind: str, target: str, *, record: bool = False
) -> Round:
    """Inject, look for every symptom, recover, and wait until all is well again."""
    done = Round(environment.app.name, kind, target)
    broken = fault(kind, environment.app)
    if not await broken.cured(environment, target) and not broken.once:
        done.wrong.append("was not well before")
    if record:
        done.before = await snapshot(environment)
    since = environment.clock.now()
    await broken.inject(environment, target)
    await environment.clock.sleep(broken.settle_seconds)
    if record:
        done.during = await snapshot(environment)
    if not broken.once and await broken.cured(environment, target):
        done.wrong.append("counts as cured while it is there")
    for symptom in broken.symptoms(environment, target):
        if not await observed(environment, symptom, since):
            done.wrong.append(f"no {symptom.kind} {symptom.object} {symptom.what}")
    healthy = await environment.healthy()
    if healthy is (broken.harm == "errors") and broken.harm not in ("some", "slow"):
        done.wrong.append(f"users are {'well' if healthy else 'harmed'}")
    await broken.recover(environment, target)
    await _until_well(environment, done, broken.recover_seconds)
    return done


async def _until_well(environment: Emulator, done: Round, limit: float) -> None:
    broken, passed = fault(done.kind, environment.app), 0.0
    wrong: list[str] = []
    while passed < limit:
        await environment.clock.sleep(_LOOK_AGAIN)
        passed += _LOOK_AGAIN
        wrong = []
        if not await broken.cured(environment, done.target):
            wrong.append("not cured after its recovery")
        if not await environment.healthy():
            wrong.append("users are harmed after its recovery")
        if not await all_ready(environment):
            wrong.append("pods are not ready after its recovery")
        if not wrong:
            break
    await _renew_restarted(environment)
    # shifts are seen against the minutes before: they must be quiet ones
    await environment.clock.sleep(_LOOK_AGAIN)
    done.wrong += wrong


async def _renew_restarted(environment: Emulator) -> None:
    """Replace pods that were restarted: their back-off, of minutes by now, is not the next fault's."""
    space = environment.namespace
    for pod in await environment.reader.list("Pod", space):
        states = (pod.get("status") or {}).get("containerStatuses") or ()
        if any(state.get("restartCount") for state in states):
            await environment.writer.delete("Pod", space, str(pod["metadata"]["name"]))
    for _ in range(_RENEWALS):
        if await all_ready(environment) and await environment.healthy():
            return
        await environment.clock.sleep(_LOOK_AGAIN)


async def all_ready(environment: Emulator) -> bool:
    """Whether every pod of the namespace is ready, or done."""
    for pod in await environment.reader.list("Pod", environment.namespace):
        conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
        if conditions.get("Ready") != "True" and pod["status"].get("phase") != "Succeeded":
            return False
    return True


def matrix(app: App) -> list[tuple[str, str]]:
    """One target for each kind that fits an app.

    Another one each time: what one kind leaves in the events is not the next one's.
    """
    found = []
    for number, kind in enumerate(FAULTS):
        places = targets(kind, app)
        if places:
            found.append((kind, places[number % len(places)]))
    return found


def stays_broken(done: Round) -> bool:
    """Whether the environment cannot be used for another fault."""
    return any("after its recovery" in text for text in done.wrong)
