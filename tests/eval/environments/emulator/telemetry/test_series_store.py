from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp, compile_re2
from eval.environments.emulator.telemetry.series import NAME, SeriesStore

T = 1_700_000_000.0
MS = int(T * 1000)
ALWAYS = (0, 2**60)


def named(store: SeriesStore, *matchers: Matcher) -> list[str]:
    return [series.mapping[NAME] for series in store.select(matchers, *ALWAYS)]


def test_samples_come_back_in_their_window() -> None:
    store = SeriesStore()
    for i in range(5):
        store.append("m", {"a": "b"}, T + i, i)
    (series,) = store.select([Matcher(NAME, MatchOp.EQUAL, "m")], *ALWAYS)
    times, values = series.samples(MS + 1000, MS + 3000)
    assert times.tolist() == [MS + 1000, MS + 2000, MS + 3000]
    assert values.tolist() == [1.0, 2.0, 3.0]


def test_a_view_taken_does_not_hinder_appending() -> None:
    store = SeriesStore()
    series = store.series("m", {})
    series.append(T, 1)
    _, values = series.samples(*ALWAYS)
    series.append(T + 1, 2)
    assert values.tolist() == [1.0]
    assert len(series) == 2


def test_the_same_time_replaces_and_an_earlier_one_is_refused() -> None:
    store = SeriesStore()
    series = store.series("m", {})
    series.append(T, 1)
    series.append(T, 2)
    assert series.samples(*ALWAYS)[1].tolist() == [2.0]
    with pytest.raises(ValueError, match="out of order"):
        series.append(T - 1, 3)
    with pytest.raises(ValueError, match="out of order"):
        series.extend([T + 2, T + 1], [1, 2])
    with pytest.raises(ValueError, match="2 times and 1 values"):
        series.extend([T + 1, T + 2], [1])


def test_matchers_treat_a_missing_label_as_empty() -> None:
    store = SeriesStore()
    store.append("x", {"job": "api", "code": "500"}, T, 1)
    store.append("y", {"job": "web"}, T, 1)
    assert named(store, Matcher("code", MatchOp.EQUAL, "")) == ["y"]
    assert named(store, Matcher("code", MatchOp.NOT_EQUAL, "")) == ["x"]
    assert named(store, Matcher("job", MatchOp.REGEX, "a.*|web")) == ["x", "y"]
    assert named(store, Matcher("job", MatchOp.REGEX, "ap")) == []
    assert named(store, Matcher("job", MatchOp.NOT_REGEX, "ap.")) == ["y"]
    assert named(store, Matcher("code", MatchOp.NOT_REGEX, "5..|")) == []
    assert named(store, Matcher(NAME, MatchOp.REGEX, "x|y"), Matcher("job", MatchOp.EQUAL, "web")) == ["y"]  # fmt: skip


def test_an_empty_label_is_no_label() -> None:
    store = SeriesStore()
    store.append("m", {"a": ""}, T, 1)
    store.append("m", {}, T + 1, 2)
    assert len(store) == 1
    with pytest.raises(ValueError, match="metric name"):
        store.append("m", {NAME: "other"}, T, 1)


def test_old_samples_are_forgotten() -> None:
    store = SeriesStore(retention=600)
    series = store.series("m", {})
    for i in range(1000):
        series.append(T + 15 * i, i)
    assert 40 <= len(series) <= 52
    assert series.samples(*ALWAYS)[1][-1] == 999


def test_series_without_samples_are_forgotten_and_a_kept_handle_still_works() -> None:
    store = SeriesStore(retention=60)
    held = store.series("old", {})
    held.append(T, 1)
    for i in range(1500):
        store.append("pod", {"id": str(i)}, T + i, 1)
    assert not store.select([Matcher(NAME, MatchOp.EQUAL, "old")], *ALWAYS)
    assert len(store) < 1100
    held.append(T + 1500, 2)
    (series,) = store.select([Matcher(NAME, MatchOp.EQUAL, "old")], *ALWAYS)
    assert series.samples(*ALWAYS)[1].tolist() == [2.0]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["all", "others", "same", "array", "alone", "stale", "read", "again"]),
        st.integers(1, 40),
    ),
    max_size=40,
)


@given(_STEPS)
def test_samples_that_come_together_are_those_that_come_alone(steps: list[tuple[str, int]]) -> None:
    together, apart = SeriesStore(retention=300), SeriesStore(retention=300)
    blocks = [
        [together.series("m", {"n": str(number)}) for number in numbers]
        for numbers in ((0, 1, 2), (2, 3))
    ]
    at, unchanged = 1000.0, [0.5, 1.5, 2.5]
    for number, (step, seconds) in enumerate(steps):
        at += 0.0 if step == "again" else seconds
        if step in ("all", "others", "same", "array", "again"):
            block = blocks[step == "others"]
            values = [float(number + index) for index in range(len(block))]
            if step == "same":
                values = unchanged
            together.append_all(block, at, np.array(values) if step == "array" else values)
            for series, value in zip(block, values, strict=True):
                apart.append("m", {"n": series.mapping["n"]}, at, value)
        elif step == "read":
            together.series("m", {"n": "1"}).overlaps(0, round(at * 1000))
        else:
            for store in (together, apart):
                if step == "alone":
                    store.append("m", {"n": "2"}, at, -1.0)
                else:
                    store.mark_stale("m", {"n": "0"}, at)
    oldest = round((at - 300) * 1000)
    for number in range(4):
        one, other = (
            store.series("m", {"n": str(number)}).samples(oldest, round(at * 1000))
            for store in (together, apart)
        )
        assert one[0].tolist() == other[0].tolist()
        assert one[1].tobytes() == other[1].tobytes()


def test_a_series_out_of_the_window_is_not_selected() -> None:
    store = SeriesStore()
    store.append("m", {}, T, 1)
    assert store.select([], MS - 10, MS)
    assert not store.select([], MS + 1, MS + 10)


def test_memory_is_sixteen_bytes_a_sample() -> None:
    store = SeriesStore()
    series = store.series("m", {})
    series.extend(np.arange(T, T + 3600, 15).tolist(), np.zeros(240).tolist())
    assert store.sample_count == 240
    assert series.nbytes == 240 * 16


def test_metadata() -> None:
    store = SeriesStore()
    store.describe("http_requests_total", "counter", "Requests.")
    about = store.metadata()["http_requests_total"]
    assert (about.type, about.help, about.unit) == ("counter", "Requests.", "")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("[[:alpha:]]+", "abc", True),
        ("[^[:digit:]]", "5", False),
        ("[a[]", "[", True),
        ("[]x]", "]", True),
        ("[a&&b]", "&", True),
        (r"\Qa.b\E.", "a.bc", True),
        (r"\Qa.b\E", "axb", False),
        (r"a\z", "a", True),
        ("(?i)ABC", "abc", True),
        ("(?P<n>a)(?<m>b)", "ab", True),
        ("a.c", "a\nc", False),
        (r"\d", "٣", False),
        ("a|b", "ab", False),
    ],
)
def test_regular_expressions_are_re2(pattern: str, text: str, matches: bool) -> None:
    assert (compile_re2(pattern).fullmatch(text) is not None) is matches


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "(?<!a)b", r"(a)\1", r"\pL", "[[:nope:]]", "(", "a**"]
)
def test_what_re2_or_python_cannot_do_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="error parsing regexp"):
        compile_re2(pattern)
