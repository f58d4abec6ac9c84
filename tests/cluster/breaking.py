"""How a fault is put into the app, how it shows, and how it is taken back.

`harms` says whether visitors are turned away: a bad rollout whose old pods still serve is an
incident too, but a quieter one. Recovery is `Library.restore` plus the fault's own `recover`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.cluster.app import IMAGE, Library, wait
from tests.cluster.kube import Document

Step = Callable[[Library], None]
Sign = Callable[[Library], bool]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to break. `objects` and `causes` are what rank 1 may name."""

    id: str
    inject: Step
    shows: Sign
    objects: tuple[tuple[str, str], ...]
    causes: frozenset[str]
    harms: bool = True
    recover: Step = field(default=lambda library: None)

    def break_it(self, library: Library) -> None:
        """Inject, and wait until a person would have been paged."""
        self.inject(library)
        wait(f"{self.id} to show", lambda: self.shows(library), seconds=90)
        if self.harms:
            wait(f"{self.id} to harm", lambda: turned_away(library), seconds=30)

    def repair(self, library: Library) -> None:
        """Take the injection back by hand, and wait until the app serves."""
        self.recover(library)
        library.restore()
        library.wait_until_serving()


# --- how a fault is put in


def container(app: str, change: Document) -> Step:
    """Change fields of a Deployment's container."""
    return pod_spec(app, {"containers": [{"name": app, **change}]})


def pod_spec(app: str, change: Document) -> Step:
    """Change fields of a Deployment's pod template."""
    return deployment(app, {"template": {"spec": change}})


def deployment(app: str, change: Document) -> Step:
    """Change fields of a Deployment."""
    return lambda library: _patch(library, "Deployment", app, {"spec": change})


def service(app: str, change: list[Document]) -> Step:
    """Change a Service by JSON patch."""
    return lambda library: _patch(library, "Service", app, change)


def env(app: str, **values: str) -> Step:
    """Set environment variables to plain values, as `kubectl set env` does."""
    given = [{"name": k, "value": v, "valueFrom": None} for k, v in values.items()]
    return container(app, {"env": given})


def probe(kind: str, path: str, port: int) -> Document:
    """Return an HTTP probe that is quick to give up."""
    check = {"httpGet": {"path": path, "port": port}, "periodSeconds": 2, "failureThreshold": 2}
    return {kind: check}


def restart(library: Library, app: str) -> None:
    """Do what `kubectl rollout restart` does."""
    stamp = {"kubectl.kubernetes.io/restartedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    template = {"metadata": {"annotations": stamp}}
    _patch(library, "Deployment", app, {"spec": {"template": template}})


def _patch(library: Library, kind: str, name: str, change: object) -> None:
    how = "json" if isinstance(change, list) else "strategic"
    library.kube.patch(kind, library.namespace, name, change, how)


# --- how it shows


def waiting(app: str, *reasons: str) -> Sign:
    """A container of the app waits for one of these reasons."""

    def sign(library: Library) -> bool:
        states = [status.get("state", {}) for status in _statuses(library.pods(app))]
        return any(state.get("waiting", {}).get("reason") in reasons for state in states)

    return sign


def died(app: str, reason: str, times: int = 1) -> Sign:
    """A container of the app has died of this, and was restarted so many times."""

    def sign(library: Library) -> bool:
        for status in _statuses(library.pods(app)):
            states = (status.get("state", {}), status.get("lastState", {}))
            dead = any(state.get("terminated", {}).get("reason") == reason for state in states)
            if dead and status["restartCount"] >= times:
                return True
        return False

    return sign


def condition(app: str, kind: str, reason: str) -> Sign:
    """A pod of the app has this condition, false for this reason."""

    def sign(library: Library) -> bool:
        return any(
            found["type"] == kind and found["status"] == "False" and found.get("reason") == reason
            for pod in library.pods(app)
            for found in pod["status"].get("conditions", [])
        )

    return sign


def unready(app: str, seconds: float = 10) -> Sign:
    """A container of the app has been running for so long and is still not ready."""

    def sign(library: Library) -> bool:
        return any(
            not status["ready"] and _age(status["state"]["running"]["startedAt"]) > seconds
            for status in _statuses(library.pods(app))
            if "running" in status["state"]
        )

    return sign


def restarted(app: str, times: int) -> Sign:
    """A container of the app was restarted so many times."""
    return lambda library: any(
        status["restartCount"] >= times for status in _statuses(library.pods(app))
    )


def hanging_init(app: str, seconds: float = 45) -> Sign:
    """An init container of the app has been running for so long."""

    def sign(library: Library) -> bool:
        return any(
            _age(status["state"]["running"]["startedAt"]) > seconds
            for pod in library.pods(app)
            for status in pod["status"].get("initContainerStatuses", [])
            if "running" in status["state"]
        )

    return sign


def turned_away(library: Library) -> bool:
    """Visitors are not served, and not only by the odd one of several pods."""
    return not any(library.serves() for _ in range(4))


def all_turned_away(library: Library) -> bool:
    """A change has been rolled out, and visitors are not served any more."""
    return library.settled() and turned_away(library)


def no_pod(app: str) -> Sign:
    """The app has no pod at all."""
    return lambda library: not library.pods(app)


def refused(app: str) -> Sign:
    """The API server refuses the app's pods."""

    def sign(library: Library) -> bool:
        found = library.kube.get("Deployment", library.namespace, app)
        conditions = found["status"].get("conditions", [])
        return any(
            one["type"] == "ReplicaFailure" and one["status"] == "True" for one in conditions
        )

    return sign


def _age(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()


def _statuses(pods: Iterable[Document]) -> list[Document]:
    kinds = ("initContainerStatuses", "containerStatuses")
    return [one for pod in pods for kind in kinds for one in pod["status"].get(kind, [])]


def at(kind: str, *names: str) -> tuple[tuple[str, str], ...]:
    """Return the objects that may be named."""
    return tuple((kind, name) for name in names)


def image(tag: str) -> str:
    """Return the app's image with another tag."""
    name, colon, _ = IMAGE.rpartition(":")
    return f"{name if colon else IMAGE}:{tag}"
