"""A Ray cluster gives what this machine gives, and a killed worker loses nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.config.settings import Settings
from copilot.model.errors import UnavailableError, UsageError
from eval.run import Progress, Wanted, run_suite
from eval.runs.one import Job
from eval.runs.ray_cluster import batches, on_ray
from eval.suites.catalog import chosen, suite

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: the extra `ray`"
)


def test_without_ray_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="needs Ray") as caught:
        on_ray("", 0)
    assert "incident-copilot[ray]" in caught.value.hint


def test_every_job_is_in_one_batch_with_others_of_its_app() -> None:
    jobs = [Job(problem, "engine", seed) for problem in suite("aiopslab") for seed in (0, 1)]
    found = batches(jobs, 2)
    assert sorted(job.key for batch in found for job in batch) == sorted(job.key for job in jobs)
    assert all(len({(job.problem.app, job.seed) for job in batch}) == 1 for batch in found)
    assert 8 <= len(found) <= 20
    assert len(batches(jobs[:1], 8)) == 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes with one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        made.add_node(num_cpus=1)
        made.wait_for_nodes()
        yield made.address
    finally:
        made.shutdown()


def results(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "wall"} for row in rows]


@needs_ray
@pytest.mark.matrix
@pytest.mark.filterwarnings("default")
async def test_the_smoke_suite_is_the_same_on_two_workers(cluster: str) -> None:
    wanted = Wanted(suite("smoke"), ("engine",))
    told: list[Progress] = []
    here = await run_suite(wanted, Settings(), told.append)
    there = await run_suite(wanted, Settings(), told.append, on_ray(cluster, 0))
    assert len(here) == 12
    assert results(there) == results(here)


@needs_ray
@pytest.mark.matrix
@pytest.mark.filterwarnings("default")
async def test_a_killed_worker_loses_nothing(cluster: str, tmp_path: Path) -> None:
    problems = chosen(suite("aiopslab"), ("flower*", "k8s_target_port-misconfig-detection-*"))
    wanted = Wanted(problems, ("always-yes", "nothing"), out=tmp_path)
    killed: list[int] = []

    def tell(progress: Progress) -> None:
        assert progress.row is not None, progress.lost
        if not killed:
            worker = _workers()[0]
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    rows = await run_suite(wanted, Settings(), tell, on_ray(cluster, 0))
    assert killed
    assert len(rows) == 10
    assert [bool(row["success"]["strict"]) for row in rows] == [True] * 5 + [False] * 5


@needs_ray
@pytest.mark.matrix
@pytest.mark.filterwarnings("default")
async def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UnavailableError, match="Ray cluster cannot be used"):
        await run_suite(
            Wanted(suite("smoke")[:1], ("nothing",)),
            Settings(),
            lambda progress: None,
            on_ray("127.0.0.1:1", 0),
        )
    await asyncio.sleep(0)


def _workers() -> list[int]:
    """The processes of Ray that play a batch just now."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            title = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_play_batch"):
            found.append(int(place.name))
    return found
