"""What an investigation sends to a model: tokens of each request, and the share a prompt cache can serve.

`python -m benchmarks.agent_cost [small|hotel|large [SERVICES]] [--small-model]` breaks an emulated app
and lets a scripted model investigate it: it reads logs, changes and definitions of what the engine names
first, several at once, and submits. Tokens are counted as the product counts them.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from connectors.api.values import Json
from connectors.kubernetes.reader import open_reader
from connectors.kubernetes.settings import KubernetesSettings
from copilot.agent.loop import LLMAgent
from copilot.agent.scripted import Scripted, ScriptedModel
from copilot.agent.settings import ModelSettings
from copilot.evidence.engine import EvidenceEngine
from copilot.model.events import AnswerGiven, Notice
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources
from copilot.tools.tokens import estimate
from copilot.tools.toolbox import Toolbox

FIRST, MORE = 8_000, 2_000
_CANDIDATE = re.compile(r"^1\. (\w+)/(?:([\w.-]+)/)?([\w.-]+) — ([\w.]+) —", re.M)
_ID = re.compile(r"\bev-[0-9a-f]{10}\b")


def _top(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, str]:
    text = "\n".join(str(m.get("content") or "") for m in messages)
    found = _CANDIDATE.search(text)
    return found.groups("") if found else ("Deployment", "", "nothing", "workload.crash_on_start")


def _look(messages: Sequence[Mapping[str, Any]]) -> Scripted:
    kind, _, name, _ = _top(messages)
    return Scripted(
        calls=(
            ("get_logs", {"service": name}),
            ("get_changes", {}),
            ("describe_resource", {"kind": kind, "name": name}),
        )
    )


def _more(messages: Sequence[Mapping[str, Any]]) -> Scripted:
    _, _, name, _ = _top(messages)
    return Scripted(
        calls=(
            ("get_topology", {"service": name}),
            ("get_events", {}),
            ("list_resources", {"kind": "Pod"}),
        )
    )


def _search(messages: Sequence[Mapping[str, Any]]) -> Scripted:
    return Scripted(calls=(("exec_shell", {"command": "kubectl get pods -o wide"}),))


def _submit(messages: Sequence[Mapping[str, Any]]) -> Scripted:
    kind, namespace, name, cause = _top(messages)
    ids = _ID.findall("\n".join(str(m.get("content") or "") for m in messages[1:]))
    body = {
        "verdict": "incident",
        "summary": f"{name} is what is broken [{ids[0]}].",
        "root_causes": [
            {
                "object": {"kind": kind, "namespace": namespace, "name": name},
                "cause": cause,
                "summary": f"{name} is broken [{ids[0]}]",
                "confidence": 0.9,
                "evidence": ids[:2],
            }
        ],
        "mitigations": [],
    }
    return Scripted(calls=(("submit_diagnosis", body),))


async def investigated(name: str, sources: Sources, namespace: str, *, small: bool) -> list[str]:
    """Run one investigation; return the rows of the table, and what breaks the limits."""
    # The last submission is sent again if it must be corrected, or is followed by a search for a fix.
    model = ScriptedModel([_look, _more, _search, _submit, _submit, Scripted(text="No more.")])
    settings = ModelSettings("scripted", context_tokens=9_000 if small else 128_000)
    agent = LLMAgent(
        EvidenceEngine(sources),
        lambda scope: Toolbox(sources, scope),
        settings,
        model_for=lambda: model,
    )
    scope = Scope("bench", (namespace,), Window.last(sources.clock.now()))
    said: list[str] = []
    async for event in agent.investigate("What is wrong?", scope):
        if isinstance(event, Notice):
            said.append(f"  ({event.text})")
        if isinstance(event, AnswerGiven):
            said.append(f"  answered by {event.author}")
    sent = [spent.input for spent in model.spent]
    cached = [spent.cached for spent in model.spent]
    tools = estimate(json.dumps(model.requests[0][1]))
    rows = [
        f"{name:<34} first {sent[0]:>6,} (tools {tools:,}) | then "
        + ", ".join(f"{b - a:+,}" for a, b in pairwise(sent))
        + f" | all {sum(sent):,} | cacheable {sum(cached) / sum(sent):.1%}"
    ]
    steps = [b - a for a, b in pairwise(sent)]
    if sent[0] > FIRST or any(step > MORE for step in steps):
        rows.append(f"  OVER THE LIMIT of {FIRST:,} first and {MORE:,} more for each step")
    return [*rows, *said]


async def app(name: str, fault: str, target: str, *, small: bool) -> list[str]:
    """Break one of the evaluation's apps."""
    from copilot.config.settings import ModelSection, Settings
    from copilot.sessions.assemble import assemble
    from eval.environments.emulator.environment import Emulator
    from eval.local import inside

    place = await Emulator.start(name, warmup_seconds=300, faults=[(fault, target)])
    try:
        await place.clock.sleep(240)
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(model=ModelSection(enabled=False))
            local = inside(place, settings, Path(folder))
            async with assemble(local, clock=place.clock) as copilot:
                services = len(await place.reader.list("Service", place.namespace))
                title = f"{name}, {services} services"
                return await investigated(title, copilot.sources, place.namespace, small=small)
    finally:
        await place.close()


async def large(services: int, *, small: bool) -> list[str]:
    """Break every fiftieth of many synthetic services."""
    from benchmarks.emulator_scale import PODS_PER_NODE, START, SyntheticPrograms, synthetic
    from eval.environments.emulator.cluster.cluster import EmulatedCluster

    class Programs(SyntheticPrograms):
        def image_exists(self, image: str) -> bool:
            return not image.endswith("00:1.0") and not image.endswith("50:1.0")

    cluster = EmulatedCluster(
        Programs(), nodes=math.ceil(services / PODS_PER_NODE) + 1, start=START
    )
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "synthetic"}})
    for number in range(services):
        for body in synthetic(number):
            cluster.create(_single(body))
    cluster.advance(240)
    await cluster.serve()
    with tempfile.TemporaryDirectory() as folder:
        file = cluster.kubeconfig(Path(folder) / "kubeconfig", "admin", namespace="synthetic")
        reader: Any = await open_reader(KubernetesSettings(kubeconfig=file, timeout=60))
        try:
            title = f"synthetic, {services:,} services"
            sources = Sources(cluster.clock, reader)
            return await investigated(title, sources, "synthetic", small=small)
        finally:
            await reader.close()
            await cluster.close()


def _single(body: Json) -> Json:
    if body["kind"] == "Deployment":
        body["spec"]["replicas"] = 1
    return body


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    small = "--small-model" in sys.argv
    which = words[0] if words else ""
    if which in ("", "small"):
        print(
            *asyncio.run(app("social_network", "service_target_port", "user-service", small=small)),
            sep="\n",
            flush=True,
        )
    if which in ("", "hotel"):
        print(
            *asyncio.run(app("hotel_reservation", "scale_to_zero", "rate", small=small)),
            sep="\n",
            flush=True,
        )
    if which in ("", "large"):
        count = int(words[1]) if len(words) > 1 else 1000
        print(*asyncio.run(large(count, small=small)), sep="\n", flush=True)


if __name__ == "__main__":
    main()
