from __future__ import annotations

import math

import pytest

from eval.environments.emulator.telemetry.promql import (
    BadQuery,
    Dialect,
    Engine,
    ExecutionFailed,
)
from eval.environments.emulator.telemetry.promql.formats import api_value, positional
from eval.environments.emulator.telemetry.series import SeriesStore

T = 1_700_000_000.0


def counter(start: float = T, *, count: int = 5, first: float = 0, by: float = 10) -> SeriesStore:
    store = SeriesStore()
    for i in range(count):
        store.append("c", {"a": "1"}, start + 15 * i, first + by * i)
    return store


def one(store: SeriesStore, query: str, at: float, dialect: Dialect = Dialect.V2) -> float:
    answer = Engine(store, dialect=dialect).instant(query, at)
    assert len(answer.series) == 1
    return answer.series[0][1][0][1]


@pytest.mark.parametrize(("dialect", "expected"), [(Dialect.V2, 3.0), (Dialect.V3, 2.0)])
def test_a_range_includes_its_start_only_in_2_x(dialect: Dialect, expected: float) -> None:
    assert one(counter(), "count_over_time(c[30s])", T + 60, dialect) == expected


@pytest.mark.parametrize(("dialect", "expected"), [(Dialect.V2, 3.0), (Dialect.V3, 2.0)])
def test_so_does_a_subquery(dialect: Dialect, expected: float) -> None:
    at = T + 40  # a multiple of 20 s
    assert at % 20 == 0
    assert one(counter(), "count_over_time(c[40s:20s])", at, dialect) == expected


def test_lookback_ends_after_five_minutes() -> None:
    store = counter(count=1)
    engines = {dialect: Engine(store, dialect=dialect) for dialect in Dialect}
    assert engines[Dialect.V2].instant("c", T + 300).series
    assert not engines[Dialect.V2].instant("c", T + 300.001).series
    assert engines[Dialect.V3].instant("c", T + 299.999).series
    assert not engines[Dialect.V3].instant("c", T + 300).series


def test_rate_on_exact_borders_is_not_extrapolated() -> None:
    assert one(counter(), "rate(c[1m])", T + 60) == pytest.approx(40 / 60)
    assert one(counter(), "increase(c[1m])", T + 60) == pytest.approx(40)


def test_rate_of_one_sample_is_nothing() -> None:
    assert Engine(counter()).instant("rate(c[10s])", T + 60).series == []


def test_increase_stops_extrapolating_at_zero() -> None:
    """From 1 at 10/15 s the counter was zero 1.5 s before its first sample."""
    store = counter(T + 15, count=4, first=1)
    assert one(store, "increase(c[75s])", T + 60) == pytest.approx(30 * (45 + 1.5) / 45)


@pytest.mark.parametrize(("dialect", "start"), [(Dialect.V2, 15.0), (Dialect.V3, 7.5)])
def test_the_versions_extrapolate_late_starts_differently(dialect: Dialect, start: float) -> None:
    """First sample 200 s into the window, zero 15 s before it: 3.x caps at half a step first."""
    store = counter(T + 200, count=5, first=10)
    assert one(store, "increase(c[260s])", T + 260, dialect) == pytest.approx(
        40 * (60 + start) / 60
    )


def test_a_counter_reset_counts_what_was_reached_before() -> None:
    store = SeriesStore()
    for i, value in enumerate([100.0, 110.0, 3.0, 13.0]):
        store.append("c", {}, T + 15 * i, value)
    assert one(store, "increase(c[45s])", T + 45) == pytest.approx(23)
    assert one(store, "resets(c[45s])", T + 45) == 1
    assert one(store, "delta(c[45s])", T + 45) == pytest.approx(-87)


def test_a_stale_series_is_gone_at_once_and_may_return() -> None:
    store = counter(count=2)
    store.mark_stale("c", {"a": "1"}, T + 30)
    engine = Engine(store)
    assert engine.instant("c", T + 29).series
    assert not engine.instant("c", T + 31).series
    assert one(store, "count_over_time(c[5m])", T + 31) == 2
    store.append("c", {"a": "1"}, T + 45, 7.0)
    assert one(store, "c", T + 46) == 7


def test_histogram_quantile_interpolates_in_a_bucket() -> None:
    store = SeriesStore()
    for le, count in (("1", 10.0), ("2", 20.0), ("+Inf", 20.0)):
        store.append("h_bucket", {"le": le}, T, count)
    assert one(store, "histogram_quantile(0.75, h_bucket)", T) == pytest.approx(1.5)
    assert one(store, "histogram_quantile(0.5, h_bucket)", T) == pytest.approx(1.0)


def test_histogram_quantile_bears_buckets_that_shrink() -> None:
    """Scraped while it was written: the third bucket has to count as 20 too."""
    store = SeriesStore()
    for le, count in (("1", 10.0), ("2", 20.0), ("4", 18.0), ("+Inf", 19.0)):
        store.append("h_bucket", {"le": le}, T, count)
    assert one(store, "histogram_quantile(0.99, h_bucket)", T) == pytest.approx(1.98)


def test_equal_values_deviate_by_exactly_nothing() -> None:
    store = SeriesStore()
    for i in range(7):
        store.append("m", {}, T + i, 201_342_176.1)
        store.append("many", {"i": str(i)}, T + 6, 201_342_176.1)
    assert one(store, "stddev_over_time(m[1m])", T + 6) == 0
    assert one(store, "stddev(many)", T + 6) == 0


def test_range_steps_are_evaluated_one_by_one() -> None:
    answer = Engine(counter()).range("c > 15", T, T + 60, 15)
    assert answer.type == "matrix"
    assert [value for _, value in answer.series[0][1]] == [20.0, 30.0, 40.0]


def test_end_of_a_range_query_is_its_parameter_not_its_last_step() -> None:
    answer = Engine(counter()).range("c @ end()", T, T + 60, 40)
    assert [value for _, value in answer.series[0][1]] == [40.0, 40.0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "no expression"),
        ("c{", "parse error"),
        ("nosuch(c)", "unknown function"),
        ('c{a="1" or b="2"}', "'or' between label matchers"),
        ("limitk(1, c)", "not supported"),
        ("histogram_count(c)", "not supported"),
        ('c{a=~"("}', "parse error"),
        ("(" * 500 + "c" + ")" * 500, "too long or deep"),
        ("c" * 60_000, "too long or deep"),
    ],
)
def test_what_cannot_be_understood_is_bad_data(query: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said) as caught:
        Engine(counter()).instant(query, T)
    assert (caught.value.type, caught.value.status) == ("bad_data", 400)


def test_what_fails_on_the_data_is_an_execution_error() -> None:
    store = counter()
    store.append("c", {"a": "2"}, T, 1.0)
    engine = Engine(store)
    for query, said in (
        (
            "c + on() c",
            r"group {} on the right .*\[{__name__=\"c\", a=\"2\"}, {__name__=\"c\", a=\"1\"}\];many",
        ),
        ("c + on() group_left vector(1) + on() c", "duplicate series"),
        ('label_replace(c, "a", "x", "", "")', "same labelset"),
        ("topk(NaN, c)", "overflows int64"),
        ("+".join(["c"] * 2000), "nested too deeply"),
    ):
        with pytest.raises(ExecutionFailed, match=said) as caught:
            engine.instant(query, T)
        assert (caught.value.type, caught.value.status) == ("execution", 422)


def test_a_query_that_needs_too_much_memory_is_refused() -> None:
    with pytest.raises(ExecutionFailed, match="too many samples"):
        Engine(counter(), max_samples=100).range("c", T, T + 60, 0.1)


@pytest.mark.parametrize(
    ("start", "end", "step", "said"),
    [
        (T, T - 1, 15, "end timestamp must not be before start"),
        (T, T + 1, 0, "zero or negative"),
        (T, T + 11_001, 1, "11,000 points"),
    ],
)
def test_bad_ranges(start: float, end: float, step: float, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        Engine(counter()).range("c", start, end, step)


def test_a_range_query_needs_an_instant_vector() -> None:
    with pytest.raises(BadQuery, match="range vector"):
        Engine(counter()).range("c[5m]", T, T + 60, 15)


@pytest.mark.parametrize(
    ("value", "api", "plain"),
    [
        (0.0, "0", "0"),
        (-0.0, "-0", "-0"),
        (3.0, "3", "3"),
        (0.1, "0.1", "0.1"),
        (1e20, "100000000000000000000", "100000000000000000000"),
        (1e21, "1e+21", "1000000000000000000000"),
        (1e-6, "0.000001", "0.000001"),
        (1.5e-7, "1.5e-07", "0.00000015"),
        (math.inf, "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, api: str, plain: str) -> None:
    assert api_value(value) == api
    assert positional(value) == plain
