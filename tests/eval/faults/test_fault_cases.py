"""Each fault on each app: its symptoms appear, recovery takes them away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from eval.apps.loader import bundled_apps, load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import FAULTS, cases, fault, targets
from tests.eval.faults.symptoms import all_ready, callers, event_reasons, log, pods, waiting_reasons

SOME = [
    ("social_network", "service_target_port", "user-service"),
    ("social_network", "service_target_port", "home-timeline-redis"),
    ("hotel_reservation", "service_target_port", "frontend"),
    ("social_network", "scale_to_zero", "text-service"),
    ("social_network", "scale_to_zero", "post-storage-mongodb"),
    ("hotel_reservation", "scale_to_zero", "geo"),
    ("hotel_reservation", "scale_to_zero", "memcached-rate"),
    ("social_network", "wrong_image", "compose-post-service"),
    ("hotel_reservation", "wrong_image", "profile"),
    ("hotel_reservation", "revoke_database_login", "mongodb-geo"),
    ("hotel_reservation", "revoke_database_login", "mongodb-rate"),
]
ALL = [(app, *case) for app in bundled_apps() for case in cases(load_app(app))]
OTHERS = [case for case in ALL if case not in SOME]


@asynccontextmanager
async def _emulator(app: str) -> AsyncIterator[Emulator]:
    environment = await Emulator.start(app, warmup_seconds=90)
    try:
        assert await environment.healthy()
        yield environment
    finally:
        await environment.close()


async def _target_port(environment: Emulator, target: str) -> None:
    assert await all_ready(environment)
    assert not await environment.healthy()
    endpoints = await environment.reader.get("Endpoints", environment.namespace, target)
    assert {p["port"] for s in endpoints["subsets"] for p in s["ports"]} == {9999}
    said = [await log(environment, caller) for caller in callers(environment.app, target)]
    # nobody logs for the users' own client; a caller may call for a kind of request nobody makes
    assert target == environment.app.entry or any("refused" in text for text in said)


async def _scaled(environment: Emulator, target: str) -> None:
    assert await pods(environment, target) == []
    assert not await environment.healthy()
    item = await environment.reader.get("Deployment", environment.namespace, target)
    assert item["spec"]["replicas"] == 0
    assert "ScalingReplicaSet" in await event_reasons(environment, target)
    endpoints = await environment.reader.get("Endpoints", environment.namespace, target)
    assert not endpoints.get("subsets")


async def _image(environment: Emulator, target: str) -> None:
    assert await waiting_reasons(environment, target) & {"ErrImagePull", "ImagePullBackOff"}
    assert {"Pulling", "Failed", "BackOff"} <= await event_reasons(environment, target)
    assert len(await pods(environment, target)) == 2
    assert await environment.healthy()  # the old pod still serves


async def _revoked(environment: Emulator, target: str) -> None:
    client = environment.app.clients(target)[0].name
    assert "CrashLoopBackOff" in await waiting_reasons(environment, client)
    assert "BackOff" in await event_reasons(environment, client)
    assert not await environment.healthy()
    said = await log(environment, client)
    database = environment.app.services[client].logins[target].database
    assert f"not authorized on {database} to execute command" in said
    assert '"code":13' in await log(environment, target)


SYMPTOMS: dict[str, Callable[[Emulator, str], Awaitable[None]]] = {
    "service_target_port": _target_port,
    "scale_to_zero": _scaled,
    "wrong_image": _image,
    "revoke_database_login": _revoked,
}


async def _whole_way(app: str, kind: str, target: str) -> None:
    async with _emulator(app) as environment:
        broken = fault(kind, environment.app)
        assert await broken.cured(environment, target)
        await broken.inject(environment, target)
        await environment.clock.sleep(150)
        assert not await broken.cured(environment, target)
        await SYMPTOMS[kind](environment, target)
        expected = broken.expected(environment, target)
        for place in expected.objects:
            await environment.reader.get(place.kind, place.namespace, place.name)
        await broken.recover(environment, target)
        await environment.clock.sleep(420)
        assert await environment.healthy()
        assert await all_ready(environment)
        assert await broken.cured(environment, target)


@pytest.mark.parametrize(("app", "kind", "target"), SOME)
async def test_inject_and_recover(app: str, kind: str, target: str) -> None:
    await _whole_way(app, kind, target)


@pytest.mark.matrix
@pytest.mark.parametrize(("app", "kind", "target"), OTHERS)
async def test_inject_and_recover_everywhere(app: str, kind: str, target: str) -> None:
    await _whole_way(app, kind, target)


async def test_injection_tells_nothing_but_the_fault() -> None:
    """Apart from the changed fields, no object, label, annotation or event says what was done."""
    words = ("fault", "inject", "chaos", "eval", "emulat", "wrong", "misconfig")
    for app, kind, target in SOME[::3]:
        async with _emulator(app) as environment:
            await fault(kind, environment.app).inject(environment, target)
            await environment.clock.sleep(60)
            for each in ("Deployment", "Service", "Pod", "Event", "ConfigMap", "ReplicaSet"):
                text = str(await environment.reader.list(each, environment.namespace)).lower()
                text = text.replace("default", "").replace("--eval", "")
                assert not [word for word in words if word in text], each
            text = environment.kubeconfig.read_text().lower()
            assert not [word for word in words if word in text]


def test_targets_fit() -> None:
    hotel, social = load_app("hotel_reservation"), load_app("social_network")
    assert {"user-service", "text-service", "post-storage-service"} <= set(
        targets("service_target_port", social)
    )
    # gRPC addresses come from the registry there: a Service's port matters to nobody but users
    assert targets("service_target_port", hotel) == ["frontend"]
    assert targets("revoke_database_login", hotel) == ["mongodb-geo", "mongodb-rate"]
    assert targets("revoke_database_login", social) == []


def test_unknown_names_are_refused() -> None:
    app = load_app("hotel_reservation")
    with pytest.raises(ValueError, match=", ".join(FAULTS)):
        fault("meteor", app)
    with pytest.raises(ValueError, match="unknown fault"):
        targets("meteor", app)
