"""Programs with all their optional abilities, which tests steer by attributes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.seams import PullProblem, Review, Used
from tests.eval.environments.emulator.cluster.cluster_fakes import START, FakePrograms
from tests.eval.environments.emulator.cluster.conftest import Lab

MIB = 1024**2


class RichPrograms(FakePrograms):
    """Fits all the protocols of `seams` that programs may fit."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: dict[str, PullProblem] = {}
        self.used: dict[str, Used] = {}
        self.commands: dict[str, tuple[int, str]] = {}
        self.health = "SERVING"
        self.reviews: dict[str, Review | Literal["timeout"]] = {}
        self.secrets: list[str] = []

    def pull_problem(self, image: str, pull_secrets: Sequence[Json]) -> PullProblem:
        self.secrets = [item["metadata"]["name"] for item in pull_secrets]
        return self.problems.get(image, "")

    def usage(self, pod: Json, container: str) -> Used | None:
        return self.used.get(pod["metadata"].get("labels", {}).get("app", ""))

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        return self.commands.get(command[0])

    def grpc_health(self, pod: Json, container: str, service: str, now: datetime) -> str:
        return self.health

    def review(self, webhook: str, path: str, pod: Json, obj: Json) -> Review | Literal["timeout"]:
        return self.reviews.get(webhook, Review())


class RichLab(Lab):
    """A lab whose programs say more."""

    programs: RichPrograms

    def said(self, reason: str, namespace: str = "shop") -> set[str]:
        """The messages of the Events of a reason."""
        events = self.cluster.objects("Event", namespace)
        return {event["message"] for event in events if event["reason"] == reason}


def rich_lab(nodes: int = 3, seed: int = 0) -> RichLab:
    programs = RichPrograms()
    cluster = EmulatedCluster(programs, seed=seed, nodes=nodes, start=START)
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return RichLab(cluster, programs)
