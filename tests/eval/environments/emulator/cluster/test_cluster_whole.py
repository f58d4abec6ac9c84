"""What holds for the cluster as a whole: determinism, isolation, speed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import Run
from tests.eval.environments.emulator.cluster.cluster_fakes import container, deployment, service
from tests.eval.environments.emulator.cluster.conftest import Lab, make_lab

PROBES: dict[str, Any] = {
    "readinessProbe": {"httpGet": {"port": "http", "path": "/ready"}},
    "livenessProbe": {"httpGet": {"port": "http", "path": "/live"}},
}


def busy(lab: Lab) -> None:
    lab.programs.missing.add("none:1")
    lab.programs.runs["boom:1"] = Run(exits_after=3, exit_code=1, lines=((1, "boom"),))
    for number in range(28):
        lab.cluster.create(deployment(f"s{number}", container(**PROBES)))
        lab.cluster.create(service(f"s{number}"))
    lab.cluster.create(deployment("bad", container("none:1")))
    lab.cluster.create(deployment("crash", container("boom:1")))


def everything(lab: Lab) -> str:
    objects = {kind: list(lab.cluster.objects(kind)) for kind in BY_KIND}
    return json.dumps(objects, sort_keys=True)


def test_the_same_seed_gives_the_same_cluster_and_another_does_not() -> None:
    found = []
    for seed in (1, 1, 2):
        lab = make_lab(seed)
        busy(lab)
        lab.cluster.advance(300)
        found.append(everything(lab))
    assert found[0] == found[1] != found[2]


def test_two_clusters_in_one_process_do_not_touch_each_other() -> None:
    alone = make_lab(1)
    busy(alone)
    alone.cluster.advance(120)
    one, other = make_lab(1), make_lab(5)
    busy(one)
    for _ in range(12):
        one.cluster.advance(10)
        other.cluster.create(deployment(f"x{other.cluster.world.store.version}"))
        other.cluster.advance(7)
    assert everything(one) == everything(alone)


def test_thirty_pods_for_an_hour_take_seconds_at_most() -> None:
    lab = make_lab()
    busy(lab)
    lab.cluster.advance(60)
    assert len(lab.cluster.objects("Pod", "shop")) == 30
    start = time.perf_counter()
    lab.cluster.advance(3600)
    assert time.perf_counter() - start < 5


def test_old_events_go_after_an_hour() -> None:
    lab = make_lab()
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(60)
    assert lab.events("Started")
    lab.cluster.advance(3600)
    assert not lab.events("Started") and not lab.cluster.objects("Event", "shop")


def test_nodes_show_signs_of_life() -> None:
    lab = make_lab()
    lab.cluster.advance(605)
    lease = lab.get("Lease", "node-1", "kube-node-lease")
    assert lease["spec"]["renewTime"] == "2026-01-05T09:10:00.000000Z"
    node = lab.get("Node", "node-1", "")
    assert {c["lastHeartbeatTime"] for c in node["status"]["conditions"]} == {
        "2026-01-05T09:10:00Z"
    }


def test_importing_the_cluster_loads_no_server() -> None:
    code = (
        "import sys; import eval.environments.emulator.cluster.cluster;"
        "print([m for m in ('aiohttp', 'kubernetes') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
