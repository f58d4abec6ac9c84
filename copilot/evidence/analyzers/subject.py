"""What a pod analyzer is asked about: one container of one pod of one workload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, pod_spec, ref_of
from copilot.evidence.loglines import ContainerLog
from copilot.evidence.snapshot import event_count
from copilot.model.scope import ObjectRef

TEMPLATE = {"Pod": "spec", "CronJob": "spec.jobTemplate.spec.template.spec"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A container in trouble. `weight` is 1 when no pod of the workload is ready, else less."""

    case: Case
    workload: ObjectRef
    pod: Json
    status: Json
    weight: float
    init: bool = False

    @property
    def container(self) -> str:
        """Return the container's name."""
        return str(self.status.get("name", ""))

    @property
    def spec(self) -> Json:
        """Return the container's part of the pod spec."""
        for item in containers(pod_spec(self.pod), init=self.init):
            if item.get("name") == self.container:
                return item
        return {}

    @property
    def label(self) -> str:
        """Return how sentences name it."""
        return f"{self.workload.kind} {self.workload.name}"

    def events(self, *reasons: str, containing: str = "") -> list[Json]:
        """Return this pod's events of the given reasons, of this container where they say so."""
        wanted = f"{{{self.container}}}"
        found = []
        for event in self.case.snapshot.pod_events(self.pod):
            path = str(dig(event, "involvedObject.fieldPath", "") or "")
            if reasons and event.get("reason") not in reasons:
                continue
            if path and wanted not in path:
                continue
            if containing and containing not in str(event.get("message", "")):
                continue
            found.append(event)
        return found

    def last_log(self) -> ContainerLog | None:
        """Return the log of the container's last run, else of the present one."""
        snapshot = self.case.snapshot
        last = snapshot.log(self.pod, self.container, previous=True)
        return last if last and last.lines else snapshot.log(self.pod, self.container)

    def quote_events(self, events: Sequence[Json]) -> list[str]:
        """Quote events; nothing when there are none."""
        return [self.case.ledger.events(ref_of(self.pod), events)] if events else []

    def quote_state(self, field: str = "state") -> str:
        """Quote the container's state."""
        return self.case.ledger.state(self.pod, self.status, field, init=self.init)

    def quote_spec(self, field: str) -> str:
        """Quote a field of the container in the object that a person would edit."""
        owner = self.case.snapshot.get(self.workload)
        base = TEMPLATE.get(self.workload.kind, "spec.template.spec")
        return self.case.ledger.container(
            owner or self.pod,
            base if owner else "spec",
            self.container,
            field,
            self.spec.get(field),
        )


def total(events: Sequence[Json]) -> int:
    """Return how often events happened together."""
    return sum(event_count(event) for event in events)
