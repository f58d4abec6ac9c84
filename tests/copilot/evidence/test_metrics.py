"""Request metrics of several families, against their baseline."""

from __future__ import annotations

import pytest

from connectors.api.values import Series
from copilot.evidence.request_labels import is_error
from copilot.evidence.request_metrics import choose
from copilot.evidence.telemetry import is_growing, level
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, RecordedMetrics, diagnose
from tests.copilot.evidence.worlds import NOW, World, scope, three_services

END = NOW.timestamp()
ONSET = END - 300
COUNTER = "traces_span_metrics_calls_total"


def series(before: float, after: float, onset: float = ONSET, **labels: str) -> Series:
    """A series that changes its level at the onset."""
    times = [END - 3600 + 30 * i for i in range(121)]
    return Series(labels, tuple((t, after if t >= onset else before) for t in times))


def server(name: str, ok: tuple[float, float], bad: tuple[float, float]) -> list[Series]:
    about = {"service_name": name, "span_kind": "SPAN_KIND_SERVER"}
    return [
        series(*ok, **about, status_code="STATUS_CODE_UNSET"),
        series(*bad, **about, status_code="STATUS_CODE_ERROR"),
    ]


def client(
    caller: str, callee: str, ok: tuple[float, float], bad: tuple[float, float]
) -> list[Series]:
    about = {"service_name": caller, "span_kind": "SPAN_KIND_CLIENT", "peer_service": callee}
    return [
        series(*ok, **about, status_code="STATUS_CODE_UNSET"),
        series(*bad, **about, status_code="STATUS_CODE_ERROR"),
    ]


async def look(world: World, calls: list[Series], **more: list[Series]) -> Diagnosis:
    metrics = RecordedMetrics([COUNTER], {f"rate({COUNTER}[1m]": calls, **more})
    return await diagnose(Sources(FixedClock(NOW), world.cluster, metrics), scope())


async def test_errors_are_blamed_on_the_service_that_fails_by_itself() -> None:
    calls = [
        *server("web", (5, 2), (0, 3)),
        *server("api", (5, 2), (0, 3)),
        *server("store", (5, 2), (0, 3)),
        *client("web", "api", (5, 2), (0, 3)),
        *client("api", "store", (5, 2), (0, 3)),
    ]
    diagnosis = await look(three_services(), calls)
    assert diagnosis.verdict is Verdict.INCIDENT
    first = diagnosis.root_causes[0]
    assert (first.object.name, first.cause) == ("store", "application.errors")
    assert "11:55" in first.summary


async def test_noise_and_steady_errors_are_healthy() -> None:
    calls = [
        *server("web", (5, 5), (0.2, 0.2)),
        *server("api", (5, 6), (0, 0.02)),
        *client("web", "api", (5, 5), (0.0, 0.02)),
    ]
    assert (await look(three_services(), calls)).verdict is Verdict.HEALTHY


async def test_a_slow_dependency_is_found_below_its_slow_callers() -> None:
    rates = [
        *server("web", (5, 5), (0, 0)),
        *server("api", (5, 5), (0, 0)),
        *server("store", (5, 5), (0, 0)),
    ]
    rates += [*client("web", "api", (5, 5), (0, 0)), *client("api", "store", (5, 5), (0, 0))]
    times, counts = [], []
    for name, took in (("web", 900.0), ("api", 850.0), ("store", 800.0)):
        about = {"service_name": name, "span_kind": "SPAN_KIND_SERVER"}
        counts.append(series(5, 5, **about))
        times.append(series(5 * 20, 5 * took, **about))
    name = "traces_span_metrics_duration_milliseconds"
    diagnosis = await look(
        three_services(), rates, **{f"{name}_sum": times, f"{name}_count": counts}
    )
    first = diagnosis.root_causes[0]
    assert (first.object.name, first.cause) == ("store", "application.slow")


async def test_calls_that_never_arrive_support_the_structural_cause() -> None:
    world = three_services()
    world.get("Service", "store")["spec"]["ports"][0]["targetPort"] = 9999
    calls = [
        *server("web", (5, 2), (0, 3)),
        *server("api", (5, 2), (0, 3)),
        *server("store", (5, 0), (0, 0)),
        *client("api", "store", (5, 0), (0, 5)),
    ]
    diagnosis = await look(world, calls)
    first = diagnosis.root_causes[0]
    assert (first.object.kind, first.object.name) == ("Service", "store")
    assert len([c for c in diagnosis.root_causes if c.confidence >= 0.5]) == 1


async def test_errors_that_ended_are_over() -> None:
    times = [END - 3600 + 30 * i for i in range(121)]
    burst = tuple((t, 3.0 if END - 700 <= t < END - 300 else 0.0) for t in times)
    about = {"service_name": "web", "span_kind": "SPAN_KIND_SERVER"}
    calls = [
        series(5, 5, **about, status_code="STATUS_CODE_UNSET"),
        Series({**about, "status_code": "STATUS_CODE_ERROR"}, burst),
    ]
    assert (await look(three_services(), calls)).verdict is Verdict.HEALTHY


async def test_the_end_of_all_traffic_is_no_incident() -> None:
    calls = [*server("web", (5, 0), (0, 0)), *server("api", (5, 0), (0, 0))]
    assert (await look(three_services(), calls)).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        ({"status_code": "STATUS_CODE_ERROR"}, True),
        ({"status_code": "STATUS_CODE_UNSET"}, False),
        ({"http_response_status_code": "503"}, True),
        ({"http_response_status_code": "404"}, False),
        ({"grpc_code": "Unavailable"}, True),
        ({"grpc_code": "NotFound"}, False),
        ({"response_code": "0"}, True),
        ({"code": "5xx"}, True),
        ({"outcome": "SERVER_ERROR"}, True),
        ({"status": "success"}, False),
        ({}, False),
    ],
)
def test_which_series_count_as_failures(labels: dict[str, str], wrong: bool) -> None:
    assert is_error(labels) is wrong


def test_levels() -> None:
    points = series(10, 30).points
    found = level(points, split=END - 900, recent=END - 75)
    assert found is not None and (found.now, found.base) == (30, 10)
    assert found.onset is not None and found.onset.timestamp() == ONSET
    assert found.above(5, 2) and not found.above(25)
    assert level((), split=END, recent=END) is None
    assert is_growing(tuple((float(i), 100.0 + 10 * i) for i in range(20)))
    assert not is_growing(tuple((float(i), 100.0 + i % 3) for i in range(20)))
    assert choose(["http_requests_total", "istio_requests_total", "x"]) == (
        "istio_requests_total",
        "http_requests_total",
    )
