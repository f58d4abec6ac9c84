"""Small hand-made clusters: an app of services that call each other, to be broken in a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.api.values import Json
from copilot.model.scope import Scope, Window
from tests.copilot.evidence.recorded import RecordedCluster

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
SPACE = "shop"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: float) -> str:
    return stamp(NOW - timedelta(seconds=seconds))


def scope(*services: str) -> Scope:
    return Scope("test", (SPACE,), Window.last(NOW), services)


class World:
    """Builds objects; everything is old, ready and quiet until a test says otherwise."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Json]] = {
            kind: []
            for kind in (
                "Pod", "Service", "Endpoints", "Deployment", "ReplicaSet", "StatefulSet",
                "DaemonSet", "Job", "CronJob", "Event", "ConfigMap", "Secret",
                "PersistentVolumeClaim", "NetworkPolicy", "Ingress", "ResourceQuota", "LimitRange",
                "HorizontalPodAutoscaler", "ServiceAccount", "Node", "PersistentVolume",
                "StorageClass", "Namespace",
            )
        }  # fmt: skip
        self.logs: dict[str, str] = {}
        self.add("Namespace", "shop", namespace="")
        self.add(
            "Node",
            "node-1",
            namespace="",
            status={
                "allocatable": {"cpu": "4", "memory": "8Gi"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        )

    @property
    def cluster(self) -> RecordedCluster:
        return RecordedCluster(self.objects, self.logs)

    def add(self, kind: str, name: str, *, namespace: str = SPACE, **parts: Any) -> Json:
        obj: Json = {
            "kind": kind,
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"{kind}-{name}",
                "creationTimestamp": stamp(LONG_AGO),
                **parts.pop("metadata", {}),
            },
            **parts,
        }
        self.objects[kind].append(obj)
        return obj

    def service(
        self,
        name: str,
        port: int = 8080,
        *,
        env: dict[str, str] | None = None,
        image: str = "registry/app:1",
        replicas: int = 1,
    ) -> Json:
        """Add a Deployment, its ReplicaSet, a ready pod and a Service; return the pod."""
        labels = {"app": name}
        container: Json = {
            "name": name,
            "image": image,
            "ports": [{"containerPort": port}],
            "env": [{"name": k, "value": v} for k, v in (env or {}).items()],
        }
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.add("Deployment", name, spec=spec, metadata={"labels": labels})
        digest = {**labels, "pod-template-hash": "abc12"}
        self.add(
            "ReplicaSet",
            f"{name}-abc12",
            spec=spec,
            metadata={
                "labels": digest,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [{"kind": "Deployment", "name": name, "controller": True}],
            },
        )
        self.add(
            "Service",
            name,
            spec={"selector": labels, "clusterIP": f"10.0.0.{len(self.objects['Service']) + 1}",
                  "ports": [{"port": port, "targetPort": port, "protocol": "TCP"}]},
        )  # fmt: skip
        return self.pod(name, container, digest)

    def pod(self, name: str, container: Json, labels: dict[str, str]) -> Json:
        return self.add(
            "Pod",
            f"{name}-abc12-x1",
            spec={"nodeName": "node-1", "containers": [container]},
            metadata={
                "labels": labels,
                "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-abc12", "controller": True}],
            },
            status={
                "phase": "Running",
                "podIP": f"10.1.0.{len(self.objects['Pod']) + 1}",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(LONG_AGO)}],
                "containerStatuses": [
                    {
                        "name": name,
                        "ready": True,
                        "restartCount": 0,
                        "state": {"running": {"startedAt": stamp(LONG_AGO)}},
                    }
                ],
            },
        )  # fmt: skip

    def log(self, name: str, *lines: tuple[float, str], previous: bool = False) -> None:
        """Write the log of a service's pod: (seconds ago, text)."""
        run = "previous" if previous else "current"
        text = "\n".join(f"{ago(seconds)} {text}" for seconds, text in lines)
        self.logs[f"{SPACE}/{name}-abc12-x1/{name}/{run}"] = text

    def crash(self, name: str, code: int = 1, *, reason: str = "Error", lived: float = 2) -> None:
        """Put a service's container into its crash loop."""
        pod = next(p for p in self.objects["Pod"] if p["metadata"]["name"] == f"{name}-abc12-x1")
        pod["status"]["conditions"] = [
            {"type": "Ready", "status": "False", "lastTransitionTime": ago(300)}
        ]
        pod["status"]["containerStatuses"] = [
            {
                "name": name,
                "ready": False,
                "restartCount": 5,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 2m40s"}},
                "lastState": {
                    "terminated": {
                        "exitCode": code,
                        "reason": reason,
                        "startedAt": ago(60 + lived),
                        "finishedAt": ago(60),
                    }
                },
            }
        ]

    def event(self, kind: str, name: str, reason: str, message: str, *, type: str = "Warning",
              count: int = 5, last: float = 10, first: float = 300, container: str = "") -> None:  # fmt: skip
        about = {"kind": kind, "namespace": SPACE, "name": name, "uid": f"{kind}-{name}"}
        if container:
            about["fieldPath"] = f"spec.containers{{{container}}}"
        self.add(
            "Event",
            f"{name}.{len(self.objects['Event'])}",
            involvedObject=about,
            reason=reason,
            message=message,
            type=type,
            count=count,
            firstTimestamp=ago(first),
            lastTimestamp=ago(last),
        )

    def deployment(self, name: str) -> Json:
        return next(d for d in self.objects["Deployment"] if d["metadata"]["name"] == name)

    def get(self, kind: str, name: str) -> Json:
        return next(o for o in self.objects[kind] if o["metadata"]["name"] == name)


def three_services() -> World:
    """Return web -> api -> store, at peace."""
    world = World()
    world.service("web", env={"API_URL": "http://api:8080/"})
    world.service("api", env={"STORE_ADDR": "store:9000"})
    world.service("store", 9000)
    return world
