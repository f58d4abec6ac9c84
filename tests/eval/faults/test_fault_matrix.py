"""Each kind on the apps that it fits: inject, symptoms, recover, healthy again."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.apps.loader import bundled_apps, load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault
from eval.faults.symptoms import observed
from tests.eval.faults.rounds import all_ready, matrix, stays_broken, whole_way

WARMUP = 240
BOOKSHOP = str(Path(__file__).parent / "apps" / "bookshop.yaml")
SOME = {
    "hotel_reservation": {
        "scale_to_zero": "geo",
        "wrong_command": "profile",
        "wrong_image": "profile",
        "memory_limit_too_low": "search",
        "node_selector_missing_node": "search",
        "quota_pods": "rate",
        "claim_recreated": "mongodb-profile",
        "revoke_database_login": "mongodb-geo",
    },
    "social_network": {
        "service_target_port": "user-service",
        "service_missing": "text-service",
        "configmap_missing": "compose-post-service",
        "init_waits_for_ever": "post-storage-service",
        "liveness_probe_wrong_port": "url-shorten-service",
    },
}


@pytest.mark.parametrize("app", SOME)
async def test_a_dozen_kinds_come_and_go_one_after_another(app: str) -> None:
    environment = await Emulator.start(app, warmup_seconds=WARMUP)
    try:
        for kind, target in SOME[app].items():
            done = await whole_way(environment, kind, target)
            assert not done.wrong, f"{kind} on {target}"
    finally:
        await environment.close()


async def test_several_can_be_active_at_once_even_on_one_workload() -> None:
    environment = await Emulator.start("hotel_reservation", warmup_seconds=WARMUP)
    pairs = [("cpu_request_too_large", "search"), ("wrong_image", "search")]
    pairs += [("scale_to_zero", "memcached-rate"), ("service_selector", "frontend")]
    try:
        active = [(fault(kind, environment.app), target) for kind, target in pairs]
        since = environment.clock.now()
        for broken, target in active:
            await broken.inject(environment, target)
        await environment.clock.sleep(150)
        seen = [
            await observed(environment, symptom, since)
            for broken, target in (active[0], active[2], active[3])
            for symptom in broken.symptoms(environment, target)
        ]
        assert all(seen)
        while active:
            assert not any([await each.cured(environment, target) for each, target in active])
            broken, target = active.pop(0)
            await broken.recover(environment, target)
            await environment.clock.sleep(30)
        await environment.clock.sleep(240)
        assert await environment.healthy()
        assert await all_ready(environment)
        for kind, target in pairs:
            assert await fault(kind, environment.app).cured(environment, target)
    finally:
        await environment.close()


@pytest.mark.matrix
@pytest.mark.parametrize("app", [*bundled_apps(), BOOKSHOP])
async def test_every_kind_on_every_app(app: str) -> None:
    """A target of each kind, in one environment that lives on."""
    loaded, wrong, rounds = load_app(app), {}, 0
    environment: Emulator | None = None
    try:
        for kind, target in matrix(loaded):
            if environment is None:
                environment = await Emulator.start(loaded, warmup_seconds=WARMUP)
            done = await whole_way(environment, kind, target)
            rounds += 1
            if done.wrong:
                wrong[f"{kind} on {target}"] = done.wrong
            if stays_broken(done):
                await environment.close()
                environment = None
    finally:
        if environment is not None:
            await environment.close()
    print(f"{app}: {rounds - len(wrong)} of {rounds} kinds come and go as declared")
    assert not wrong
