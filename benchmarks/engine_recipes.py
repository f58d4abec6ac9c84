"""Faults that somebody wrote down without sight of the engine: `benchmarks/corpora/held_faults/faults.md`.

`python -m benchmarks.engine_recipes --out DIR [--only H4]` makes each on emulated clusters with noise, through the
Kubernetes API as its recipe says (`recipes.yaml` is the same as data), and grades the engine's report. What DIR
has already is not run again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.engine import line, load, show
from connectors.api.values import Json
from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.evidence.engine import reason
from copilot.model.scope import ObjectRef, Scope, Window
from eval.apps.loader import load_app
from eval.bench.case import WARM_UP, Outcome, Truth, grade, row
from eval.environments.emulator.environment import Emulator
from eval.faults.noise import make_noise
from eval.local import inside

FILE = Path(__file__).parent / "corpora/held_faults/recipes.yaml"
_CLUSTER_WIDE = frozenset({"Namespace", "Node", "MutatingWebhookConfiguration"})
_SEED = 401


class Making:
    """Does the steps of one recipe on one cluster."""

    def __init__(self, environment: Emulator, places: Mapping[str, Any]) -> None:
        self._environment = environment
        self._places = places
        self._namespace = environment.namespace

    async def do(self, steps: Sequence[Json]) -> None:
        """Do them in order; the first word of a step says what."""
        for step in _filled(steps, self._places):
            verb = next(iter(step))
            await getattr(self, f"_{verb}")(step[verb], step)

    async def _wait(self, seconds: float, _step: Json) -> None:
        await self._environment.clock.sleep(seconds)

    async def _scale(self, name: str, step: Json) -> None:
        body = {"spec": {"replicas": step["replicas"]}}
        await self._write("Deployment", name, body, step.get("namespace", self._namespace))

    async def _create(self, body: Json, _step: Json) -> None:
        space = body["metadata"].get("namespace", self._namespace)
        where = "" if body["kind"] in _CLUSTER_WIDE else space
        await self._environment.writer.create(body["kind"], where, body)

    async def _delete(self, what: str, _step: Json) -> None:
        kind, _, name = what.partition("/")
        await self._environment.writer.delete(kind, self._namespace, name)

    async def _patch(self, what: str, step: Json) -> None:
        kind, _, name = what.partition("/")
        if "json" in step:
            await self._environment.writer.patch(
                kind, self._namespace, name, step["json"], type="json"
            )
        else:
            await self._write(kind, name, step["merge"], self._namespace)

    async def _restart(self, name: str, _step: Json) -> None:
        note = {"kubectl.kubernetes.io/restartedAt": str(self._environment.clock.now())}
        body = {"spec": {"template": {"metadata": {"annotations": note}}}}
        await self._write("Deployment", name, body, self._namespace)

    async def _env_from_key(self, name: str, step: Json) -> None:
        body = await self._environment.reader.get("Deployment", self._namespace, name)
        spec = body["spec"]["template"]["spec"]
        source = {"name": step["map"], "key": step["name"], "optional": True}
        for index, item in enumerate(spec["containers"][0]["env"]):
            if item["name"] == step["name"]:
                value = {"name": step["name"], "valueFrom": {"configMapKeyRef": source}}
                path = f"/spec/template/spec/containers/0/env/{index}"
                patch = [{"op": "replace", "path": path, "value": value}]
                await self._environment.writer.patch(
                    "Deployment", self._namespace, name, patch, type="json"
                )

    async def _delete_pod(self, name: str, _step: Json) -> None:
        pods = await self._pods(name)
        await self._environment.writer.delete("Pod", self._namespace, pods[0]["metadata"]["name"])

    async def _cordon(self, _which: str, _step: Json) -> None:
        nodes = sorted(n["metadata"]["name"] for n in await self._environment.reader.list("Node"))
        await self._write("Node", nodes[-1], {"spec": {"unschedulable": True}}, "")

    async def _drain(self, name: str, _step: Json) -> None:
        """Cordon the node of a workload's pod, and delete what stands there but that workload's."""
        own = await self._pods(name)
        node = own[0]["spec"]["nodeName"]
        nodes = await self._environment.reader.list("Node")
        for item in nodes:  # no second home: what is evicted stays Pending
            await self._write(
                "Node", item["metadata"]["name"], {"spec": {"unschedulable": True}}, ""
            )
        kept = {p["metadata"]["name"] for p in own}
        for pod in await self._environment.reader.list("Pod", self._namespace):
            if pod["spec"].get("nodeName") == node and pod["metadata"]["name"] not in kept:
                await self._environment.writer.delete(
                    "Pod", self._namespace, pod["metadata"]["name"]
                )

    async def _administer(self, target: str, step: Json) -> None:
        await self._environment.administer(target, step["command"], **step["arguments"])

    async def _pods(self, name: str) -> list[Json]:
        found = await self._environment.reader.list("Pod", self._namespace)
        return [p for p in found if p["metadata"]["name"].rsplit("-", 2)[0] == name]

    async def _write(self, kind: str, name: str, body: Json, namespace: str) -> None:
        await self._environment.writer.patch(kind, namespace, name, body)


def _filled(value: Any, places: Mapping[str, Any]) -> Any:
    """Fill the places in; a number stays one."""
    if isinstance(value, list):
        return [_filled(item, places) for item in value]
    if isinstance(value, dict):
        return {_filled(k, places): _filled(v, places) for k, v in value.items()}
    if isinstance(value, str):
        for name, given in places.items():
            if value == "{" + name + "}":
                return given
            value = value.replace("{" + name + "}", str(given))
    return value


async def run(recipe: Json, name: str, places: Mapping[str, Any]) -> Outcome:
    """Make one recipe on one app, and grade what the engine says of it."""
    from copilot.sessions.assemble import assemble

    app = load_app(name)
    outcome = Outcome(name, recipe["id"], places["mid"], _SEED)
    service = app.services[places["mid"]]
    other = next(s.image for s in app.services.values() if s.name == "jaeger")
    known = {
        **places,
        "ns": app.namespace,
        "image": service.image,
        "port": service.ports[0].port,
        "other_image": other,
    }
    environment = await Emulator.start(app, seed=_SEED, warmup_seconds=300)
    try:
        live = await environment.reader.get("Service", environment.namespace, places["mid"])
        known["label"] = next(iter(live["spec"]["selector"]))
        making = Making(environment, known)
        await making.do(recipe.get("before", []))
        await environment.clock.sleep(WARM_UP)
        seed = zlib.crc32(outcome.name.encode())
        outcome.noise = ",".join(await make_noise(environment, app, seed=seed))
        await making.do(recipe["steps"])
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            settings = inside(environment, Settings(), Path(folder)).model_copy(
                update={"knowledge": KnowledgeSection(builtin=False), "model": ModelSection(enabled=False)}
            )  # fmt: skip
            async with assemble(settings, clock=environment.clock) as copilot:
                window = Window.last(environment.clock.now())
                scope = Scope("bench", (environment.namespace,), window)
                snapshot = await copilot.engine.read(scope)
                assert snapshot is not None
        grade(reason(snapshot), await truth(recipe, known, environment), outcome)
    finally:
        await environment.close()
    return outcome


async def truth(recipe: Json, places: Mapping[str, Any], environment: Emulator) -> Truth:
    """Return what counts as right; "Node/*" is any node."""
    objects = []
    for text in _filled(recipe["objects"], places):
        kind, _, name = text.partition("/")
        names = [name]
        if name == "*":
            names = [n["metadata"]["name"] for n in await environment.reader.list(kind)]
        space = "" if kind == "Node" or kind.endswith("Configuration") else environment.namespace
        objects += [ObjectRef(kind, space, each) for each in names]
    return Truth(tuple(objects), tuple(recipe["causes"]))


async def main_async(options: argparse.Namespace) -> None:
    """Run what is not there yet, and print it all."""
    given = yaml.safe_load(FILE.read_text("utf-8"))
    path = options.out / "recipes.jsonl"
    done = {(o.kind, o.app) for o in load(path) if not o.error}
    for recipe in given["recipes"]:
        for app in recipe["apps"]:
            if (recipe["id"], app) in done or options.only not in recipe["id"]:
                continue
            outcome = await run(recipe, app, given["places"][app])
            with path.open("a") as file:
                file.write(json.dumps(row(outcome)) + "\n")
            print(line(outcome), flush=True)
    print(show(load(path)))


def main() -> None:
    """Run the recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("engine-results"))
    parser.add_argument("--only", default="", help="only the recipes with this in their id")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(main_async(options))


if __name__ == "__main__":
    main()
