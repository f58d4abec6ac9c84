"""Harmless oddities, so that a healthy cluster is as messy as real ones.

Each is made as a person or a normal day makes it, through the Kubernetes API, and harms nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from eval.apps.model import App
from eval.faults import objects
from eval.faults.case import Case, pod_spec
from eval.faults.changes import Add, Change, Edit, Restart
from eval.faults.names import named
from eval.protocols import Environment

_TOLERATED_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Noise:
    """One kind of oddity. `summary` says what one sees; `changes` make it."""

    kind: str
    summary: str
    changes: Callable[[Case], Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Cordon:
    """Cordons the last of several nodes; what runs there goes on."""

    async def apply(self, environment: Environment) -> None:
        """Mark it unschedulable."""
        await self._mark(environment, True)

    async def undo(self, environment: Environment) -> None:
        """Uncordon it."""
        await self._mark(environment, None)

    async def gone(self, environment: Environment) -> bool:
        """Whether no node is cordoned."""
        nodes = await environment.reader.list("Node")
        return not any(node["spec"].get("unschedulable") for node in nodes)

    async def _mark(self, environment: Environment, value: bool | None) -> None:
        names = sorted(n["metadata"]["name"] for n in await environment.reader.list("Node"))
        if len(names) > 2:
            await environment.writer.patch(
                "Node", "", names[-1], {"spec": {"unschedulable": value}}
            )


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Rolls a workload out several times: old ReplicaSets and revisions stay behind."""

    target: str
    times: int = 2

    async def apply(self, environment: Environment) -> None:
        """Change an annotation of the template, as every release does, and wait each time."""
        for number in range(self.times):
            note: Json = {"metadata": {"annotations": {"release": f"2026.{7 + number}.1"}}}
            patch: Json = {"spec": {"template": note}}
            await environment.writer.patch("Deployment", environment.namespace, self.target, patch)
            await environment.clock.sleep(_TOLERATED_SECONDS)

    async def undo(self, environment: Environment) -> None:
        """Remove the annotation."""
        note: Json = {"metadata": {"annotations": {"release": None}}}
        patch: Json = {"spec": {"template": note}}
        await environment.writer.patch("Deployment", environment.namespace, self.target, patch)

    async def gone(self, environment: Environment) -> bool:
        """Return True: nothing is wrong with it."""
        return True


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another team's namespace, in which something does not come up."""

    name: str
    body: Json

    async def apply(self, environment: Environment) -> None:
        """Create the namespace and the workload."""
        await environment.writer.create("Namespace", "", {"metadata": {"name": self.name}})
        await environment.writer.create("Deployment", self.name, self.body)

    async def undo(self, environment: Environment) -> None:
        """Delete both."""
        name = self.body["metadata"]["name"]
        await objects.delete(environment, "Deployment", self.name, name)
        await objects.delete(environment, "Namespace", "", self.name)

    async def gone(self, environment: Environment) -> bool:
        """Return True: it is not ours."""
        return True


def _job(name: str, image: str, command: str, retries: int) -> Json:
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": name, "image": image, "command": ["sh", "-c", command]}],
    }
    spec = {"backoffLimit": retries, "template": {"spec": pod}}
    return {"metadata": {"name": name}, "spec": spec}


def _done(case: Case) -> Sequence[Change]:
    name = case.pick(("db-migrate-0042", "backfill-ids", "cache-warmup", "seed-catalog"))
    text = "echo 0 rows to migrate; sleep 8"
    return (Add("Job", _job(name, case.service.image, text, 1)),)


def _failed_job(case: Case) -> Sequence[Change]:
    name = case.pick(("usage-report-w07", "export-2026-02", "cleanup-tmp", "vacuum-stats"))
    text = "echo remote end closed connection; sleep 3; exit 1"
    return (Add("Job", _job(name, case.service.image, text, 1)),)


def _deployment(name: str, container: Json, replicas: int = 1) -> Json:
    labels = {"app": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _idle(case: Case, name: str, **more: object) -> Json:
    """A container that only sleeps, from an image that the nodes have."""
    return {"name": name, "image": case.service.image, "command": ["sleep", "infinity"], **more}


def _unused_service(case: Case) -> Sequence[Change]:
    name = case.pick(("legacy-api", "admin-v1", "debug-proxy", "reports-old"))
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return (Add("Service", {"metadata": {"name": name}, "spec": spec}),)


def _unused_claim(case: Case) -> Sequence[Change]:
    name = case.pick(("backup-data", "scratch", "old-exports", "snapshot-tmp"))
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": named(case, "class"),
        "resources": {"requests": {"storage": "20Gi"}},
    }
    return (Add("PersistentVolumeClaim", {"metadata": {"name": name}, "spec": spec}),)


def _parked(case: Case) -> Sequence[Change]:
    name = case.pick(("experiments", "load-sandbox", "canary-old", "preview-118"))
    return (Add("Deployment", _deployment(name, _idle(case, name), replicas=0)),)


def _slow_start(case: Case) -> Sequence[Change]:
    """A side workload whose readiness probe fails once or twice before it is up."""
    name = case.pick(("docs-site", "status-page", "internal-wiki", "changelog"))
    probe = {
        "exec": {"command": ["test", "-e", "/tmp/ready"]},
        "initialDelaySeconds": 1,
        "periodSeconds": 5,
        "failureThreshold": 60,
    }
    container = _idle(case, name, readinessProbe=probe)
    text = "sleep 12; touch /tmp/ready; sleep infinity"
    container["command"] = ["sh", "-c", text]
    return (Add("Deployment", _deployment(name, container)),)


def _restarted(case: Case) -> Sequence[Change]:
    return (Restart(case.target, case.kind),)


def _noisy_log(case: Case) -> Sequence[Change]:
    """A job that complains and does its work all the same."""
    name = case.pick(("metrics-rollup", "geoip-refresh", "sitemap", "token-gc"))
    text = "echo WARN deprecated option ignored, ERROR budget 0 of 100 used; sleep 5"
    return (Add("Job", _job(name, case.service.image, text, 1)),)


def _other_team(case: Case) -> Sequence[Change]:
    namespace = case.pick(("team-sandbox", "playground", "intern-projects", "ml-notebooks"))
    name = case.pick(("notebook", "prototype", "demo-api", "thumbnailer"))
    container = {"name": name, "image": f"registry.corp.internal/{name}:dev"}
    return (Elsewhere(namespace, _deployment(name, container)),)


def _spare_map(case: Case) -> Sequence[Change]:
    name = case.pick(("old-settings", "banner-text", "release-notes", "ui-copy"))
    return (Add("ConfigMap", {"metadata": {"name": name}, "data": {"text": "see the wiki"}}),)


def _history(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        pod_spec(item)["terminationGracePeriodSeconds"] = 45

    return (Rollouts(case.target), Edit("Deployment", case.target, breaks))


NOISES: tuple[Noise, ...] = (
    Noise("completed_job", "a Job that is done", _done),
    Noise("failed_job", "an old Job that failed", _failed_job),
    Noise("noisy_job", "a Job whose log complains without need", _noisy_log),
    Noise("unused_service", "a Service without endpoints that nobody calls", _unused_service),
    Noise("unused_claim", "a pending claim that no pod mounts", _unused_claim),
    Noise("parked_workload", "a workload scaled to zero on purpose", _parked),
    Noise("slow_start", "a side workload whose readiness probe failed at first", _slow_start),
    Noise("replaced_pod", "a pod that is younger than the others", _restarted),
    Noise("old_releases", "ReplicaSets of earlier releases", _history),
    Noise("other_namespace", "another team's workload that does not come up", _other_team),
    Noise("unused_config_map", "a ConfigMap that nobody mounts", _spare_map),
    Noise("cordoned_spare", "a cordoned node while others have room", lambda case: (Cordon(),)),
)
"""All kinds of noise."""


def _spare(app: App) -> str:
    """The Deployment that users miss least, on which a restart is no news."""
    exposure = app.exposure()
    found = [s for s in app.services.values() if s.kind == "Deployment" and not s.init]
    chosen = min(found or app.services.values(), key=lambda s: (exposure[s.name], s.name))
    return chosen.name


async def make_noise(
    environment: Environment, app: App, *, seed: int = 0, number: int = 4
) -> tuple[str, ...]:
    """Apply a set of `number` oddities chosen by the seed, and return their kinds.

    It takes a few minutes of the environment's time. Apps on one host get none.
    """
    if app.runtime != "kubernetes":
        return ()
    chosen = random.Random(seed).sample(NOISES, min(number, len(NOISES)))
    case = Case(app, _spare(app), seed)
    for noise in chosen:
        for change in noise.changes(case):
            await change.apply(environment)
    return tuple(noise.kind for noise in chosen)
