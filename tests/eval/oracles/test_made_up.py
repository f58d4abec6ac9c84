"""An object that neither is nor was is made up."""

from __future__ import annotations

from eval.environments.emulator.environment import Emulator
from eval.oracles.entities import made_up, names_of
from eval.suites.apps import app_of


async def test_what_is_there_was_there_and_never_was() -> None:
    app = app_of("hotel_reservation")
    environment = await Emulator.start(app, warmup_seconds=1)
    try:
        space = environment.namespace
        pods = await environment.reader.list("Pod", space)
        node = pods[0]["spec"]["nodeName"]
        await environment.writer.delete("Deployment", space, "geo")
        real = [
            "geo", f"Deployment/{space}/geo", f"Service/{space}/geo", "rate", f"Node/{node}",
            f"Pod/{space}/{pods[0]['metadata']['name']}", f"Pod/{space}/rate-5f6d8-zzzzz",
            f"Namespace/{space}",
        ]  # fmt: skip
        assert await made_up(environment, real) == ()
        false = ["Node/node-99", f"Deployment/{space}/ghost", "ghost", f"Pod/{space}/ghost-1-2", f"Ghost/{space}/x"]  # fmt: skip
        assert await made_up(environment, [*real, *false]) == tuple(false)
        assert await made_up(environment, []) == ()
        quota = {"metadata": {"name": "team-quota"}, "spec": {"hard": {"pods": "99"}}}
        await environment.writer.create("ResourceQuota", space, quota)
        before = await names_of(environment)
        await environment.writer.delete("ResourceQuota", space, "team-quota")
        deleted = [f"ResourceQuota/{space}/team-quota"]
        assert await made_up(environment, deleted, before) == ()
        assert await made_up(environment, deleted) == tuple(deleted)
    finally:
        await environment.close()
