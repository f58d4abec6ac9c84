"""The engine's benchmark: its split, its measures, one case from end to end, the other methods."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine_scale import NOW, measure, world
from copilot.evidence.engine import reason
from copilot.model.diagnosis import Verdict
from copilot.model.scope import ObjectRef
from eval.baselines.objects import scan
from eval.baselines.series import METHODS
from eval.bench import pairs
from eval.bench.case import Outcome, Truth, grade, run
from eval.bench.measures import Share, calibration_error, isotonic, measures
from eval.bench.series import Series, workload_of
from eval.bench.split import (
    DEVELOPMENT_APPS,
    HELD_APPS,
    HELD_SEEDS,
    SEEDS,
    Item,
    faulty,
    healthy,
    kinds,
)
from eval.faults.registry import FAULTS


def test_the_halves_share_nothing() -> None:
    assert set(kinds("dev")) | set(kinds("held")) == set(FAULTS)
    assert not set(kinds("dev")) & set(kinds("held"))
    assert 0.35 <= len(kinds("dev")) / len(FAULTS) <= 0.65
    dev, held = faulty("dev", SEEDS[:1]), faulty("held", HELD_SEEDS[:1])
    assert {i.app for i in dev} <= set(DEVELOPMENT_APPS)
    assert {i.app for i in held} <= set(HELD_APPS)
    assert not {i.kind for i in dev} & {i.kind for i in held}
    assert dev == faulty("dev", SEEDS[:1])
    crossed = faulty("dev", HELD_SEEDS[:1], on="held")
    assert {i.app for i in crossed} <= set(HELD_APPS) and {i.kind for i in crossed} <= set(
        kinds("dev")
    )
    names = [i.name for i in (*dev, *healthy("dev", 30, SEEDS))]
    assert len(names) == len(set(names))


def test_pairs_are_of_development_kinds_on_two_services() -> None:
    found = pairs.items(30, SEEDS)
    assert len({i.name for i in found}) == 30 and found == pairs.items(30, SEEDS)
    for item in found:
        (one, here), (other, there) = pairs.parts(item)
        assert one != other and here != there and {one, other} <= set(kinds("dev"))


def test_of_two_faults_both_have_to_be_named() -> None:
    api, web = (ObjectRef("Deployment", "shop", name) for name in ("api", "web"))
    truth = Truth.both([Truth((api,), ("image.not_found",)), Truth((web,), ("service.missing",))])
    outcome = Outcome("app", "one+other", "api+web", 1)
    report = replace(reason(world(10)), verdict=Verdict.INCIDENT)
    first = replace(report.candidates[0], object=api, cause="image.not_found", also=())
    grade(replace(report, candidates=(first,)), truth, outcome)
    assert outcome.placed and outcome.cause and not outcome.placed_in_3
    second = replace(first, object=web)
    grade(replace(report, candidates=(first, second)), truth, outcome)
    assert outcome.placed_in_3


@given(k=st.integers(0, 60), more=st.integers(0, 60))
def test_an_interval_holds_its_share(k: int, more: int) -> None:
    found = Share(k, k + more)
    low, high = found.interval
    assert 0 <= low <= high <= 1
    if found.n:
        assert low - 1e-9 <= found.value <= high + 1e-9


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40))
def test_an_isotonic_fit_never_falls_and_keeps_the_mean(pairs: list[tuple[float, bool]]) -> None:
    steps = isotonic(pairs)
    assert all(a[1] <= b[1] + 1e-12 for a, b in pairwise(steps))
    assert 0 <= calibration_error(pairs) <= 1


def test_perfect_confidence_has_no_error() -> None:
    assert math.isclose(calibration_error([(1.0, True)] * 5 + [(0.0, False)] * 5), 0.0)
    assert math.isclose(calibration_error([(1.0, False)] * 5), 1.0)


def test_healthy_runs_count_as_alarms_only() -> None:
    runs = [Outcome("a", "", "", 1, verdict="incident"), Outcome("a", "", "", 2, verdict="healthy")]
    runs[1].detected = True
    found = measures(runs)
    assert (found["false alarms"].k, found["false alarms"].n) == (1, 2)
    assert "detection recall" not in found


async def test_a_case_is_run_graded_and_kept(tmp_path: Path) -> None:
    item = Item("hotel_reservation", "service_selector", "search", 3)
    outcome = await run(item, keep=tmp_path)
    assert outcome.detected and outcome.placed and outcome.cause
    assert outcome.repaired
    assert (tmp_path / f"{item.name.replace('/', '~')}.pickle").is_file()


def test_the_reasoning_finds_the_needle_in_many_services() -> None:
    _, report = measure(100)
    first = report.candidates[0]
    assert (first.object.name, first.cause) == ("svc-99", "service.selector_mismatch")
    assert "svc-29" in {ref.name for ref in scan(world(30))}


def _series(jump: float) -> Series:
    start = NOW.timestamp() - 3600
    found: Series = {}
    for name in ("front", "back"):
        for metric in ("cpu", "latency"):
            found[name, metric] = tuple(
                (
                    start + 30 * n,
                    1.0
                    + 0.05 * ((n * 7 + len(name)) % 5)
                    + (jump if n > 110 and name == "back" else 0),
                )
                for n in range(121)
            )
    return found


@pytest.mark.parametrize("name", METHODS)
def test_methods_find_the_series_that_jumped(name: str) -> None:
    assert METHODS[name](_series(50.0))[0] == "back"
    assert METHODS[name](_series(0.0)) == []


def test_a_pod_belongs_to_its_workload() -> None:
    assert workload_of("web-api-6f8c7748c-hbkxr") == "web-api"
    assert workload_of("db-0") == "db"
    assert workload_of("plain") == "plain"
