"""Sampled traces are whole, in order, and tell what the metrics tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from eval.apps.loader import load_app
from eval.environments.emulator.seams import Span
from tests.eval.environments.emulator.traffic.fake_cluster import World


class Sink:
    """Fits `TraceSink`."""

    def __init__(self) -> None:
        self.traces: list[Sequence[Span]] = []

    def record(self, spans: Sequence[Span]) -> None:
        self.traces.append(list(spans))


def _run(app: str, sink: Sink, *, broken: str = "", seed: int = 0) -> World:
    world = World(load_app(app), seed=seed, traces=sink)
    world.deploy()
    world.pass_time(60)
    if broken:
        world.cluster.stop_pods(broken)
        sink.traces.clear()
    world.pass_time(240)
    return world


@pytest.fixture(scope="module")
def hotel() -> Sink:
    sink = Sink()
    _run("hotel_reservation", sink)
    return sink


def test_a_trace_is_whole_and_its_root_comes_first(hotel: Sink) -> None:
    assert len(hotel.traces) > 50
    for spans in hotel.traces:
        assert spans[0].parent == ""
        known: dict[str, Span] = {}
        for span in spans:
            assert span.trace == spans[0].trace
            assert len(span.trace) == 32
            assert len(span.id) == 16
            assert span.duration_ms > 0
            if span.parent:
                parent = known[span.parent]  # a parent comes before its children
                assert span.start >= parent.start
                end = span.start + timedelta(milliseconds=span.duration_ms)
                slack = timedelta(milliseconds=0.01)
                assert end <= parent.start + timedelta(milliseconds=parent.duration_ms) + slack
            known[span.id] = span


def test_healthy_traces_name_what_the_app_names(hotel: Sink) -> None:
    spans = [span for trace in hotel.traces for span in trace]
    names = {span.operation for span in spans}
    assert {"HTTP GET /hotels", "/search.Search/Nearby", "/rate.Rate/GetRates"} <= names
    assert not [span for span in spans if span.tags.get("error")]
    hotels = [span for span in spans if span.operation == "HTTP GET /hotels"]
    assert {(s.tags["span.kind"], s.tags["http.status_code"]) for s in hotels} == {("server", 200)}
    rpc = next(span for span in spans if span.operation == "/geo.Geo/Nearby")
    assert rpc.tags["rpc.grpc.status_code"] == 0
    assert rpc.process["k8s.pod.name"].startswith(("geo", "search"))


def test_a_failure_is_on_every_span_from_its_place_to_the_root() -> None:
    sink = Sink()
    _run("hotel_reservation", sink, broken="reservation")
    failing = [t for t in sink.traces[30:] if t[0].operation == "HTTP GET /hotels"]
    assert failing
    for spans in failing:
        assert spans[0].tags["error"] is True
        assert spans[0].tags["http.status_code"] == 500
        wrong = [span for span in spans if span.tags.get("error")]
        assert [span.operation for span in wrong[1:]] == [
            "/reservation.Reservation/CheckAvailability"
        ]
        assert wrong[1].tags["otel.status_code"] == "ERROR"
        assert "/profile.Profile/GetProfiles" not in {span.operation for span in spans}


def test_sampling_is_bounded_and_as_the_app_says() -> None:
    many, few = Sink(), Sink()
    _run("hotel_reservation", many)
    _run("social_network", few)
    # 60 steps of about 60 spans
    assert sum(map(len, many.traces)) < 60 * 60 * 1.4
    assert 15 < len(few.traces) < 110  # one in a hundred of 20 requests a second


def test_the_same_seed_draws_the_same_traces() -> None:
    one, two, other = Sink(), Sink(), Sink()
    _run("social_network", one, seed=5)
    _run("social_network", two, seed=5)
    _run("social_network", other, seed=6)
    assert one.traces == two.traces
    assert one.traces != other.traces
    starts = [trace[0].start for trace in one.traces]
    assert all(b - a > -timedelta(seconds=30) for a, b in pairwise(starts))
