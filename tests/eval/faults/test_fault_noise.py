"""Noise makes a cluster messy and harms nobody."""

from __future__ import annotations

from eval.apps.loader import load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.noise import NOISES, make_noise
from tests.eval.faults.rounds import snapshot


async def test_all_noise_together_harms_nobody() -> None:
    app = load_app("hotel_reservation")
    environment = await Emulator.start(app, warmup_seconds=60)
    try:
        before = await snapshot(environment)
        made = await make_noise(environment, app, seed=3, number=len(NOISES))
        await environment.clock.sleep(240)
        after = await snapshot(environment)
        assert set(made) == {noise.kind for noise in NOISES}
        assert await environment.healthy()
        new = {kind for kind, name in after if (kind, name) not in before}
        assert {"Job", "Service", "PersistentVolumeClaim", "ConfigMap", "ReplicaSet"} <= new
        jobs = [item for (kind, _), item in after.items() if kind == "Job"]
        assert {bool((job["status"] or {}).get("succeeded")) for job in jobs} == {True, False}
        assert any(i["spec"].get("unschedulable") for (k, _), i in after.items() if k == "Node")
        warnings = [
            item
            for (kind, name), item in after.items()
            if kind == "Event" and (kind, name) not in before and item["type"] == "Warning"
        ]
        assert warnings
    finally:
        await environment.close()


async def test_the_seed_chooses_the_noise() -> None:
    app = load_app("hotel_reservation")
    made = []
    for seed in (1, 1, 2):
        environment = await Emulator.start(app, warmup_seconds=0)
        try:
            made.append(await make_noise(environment, app, seed=seed, number=3))
        finally:
            await environment.close()
    assert made[0] == made[1] != made[2]
