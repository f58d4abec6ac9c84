from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import LogLine as StoredLine
from copilot.tools.log_store import read_lines
from copilot.tools.log_summary import Digest, described, level_of, parse, summary, templates
from tests.copilot.tools.worlds import NOW, stamp


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-01T00:00:00Z \x1b[31mFTL\x1b[0m main.go:12 > not authorized on geo-db", 0),
        ("panic: runtime error: index out of range", 0),
        ("Traceback (most recent call last):", 0),
        ("rpc error: code = Unavailable desc = connection refused", 1),
        ('{"severity":"error","message":"request failed"}', 1),
        ("lookup cart on 10.96.0.10:53: no such host", 1),
        ("GET /cart HTTP/1.1 503 12ms", 1),
        ("java.net.ConnectException: Connection refused", 1),
        ("WARN retrying in 5s", 2),
        ("INFO request done errors=0", 3),
        ("2026-01-01 INFO: failed over to the standby, all is well", 3),
        ('served {"error": null, "status": 200}', 3),
        ("GET /cart HTTP/1.1 200 12ms", 3),
    ],
)
def test_levels(line: str, level: int) -> None:
    assert level_of(parse("pod", line)[0].text) == level


def kinds(*texts: str) -> list[int]:
    return [item.count for item in templates(parse("pod", "\n".join(texts)), None)]


def test_lines_that_differ_in_ids_are_one_kind() -> None:
    first = "GET /u/42 took 12ms id=8a6f3c1e-3f55-4f0e-9c1c-0d1c3c1d2e3f from 10.0.0.1:80"
    second = "GET /u/7 took 9ms id=11111111-2222-3333-4444-555555555555 from 10.9.8.7:999"
    assert kinds(first, second) == [2]
    assert kinds("the store is open", "the store is shut") == [1, 1]


def test_a_status_code_tells_two_kinds_of_one_template() -> None:
    found = templates(parse("pod", "GET /a 200 5ms\nGET /a 503 7ms\nGET /a 200 6ms"), None)
    assert [(item.level, item.count, item.example) for item in found] == [
        (1, 1, "GET /a 503 7ms"),
        (3, 2, "GET /a 200 5ms"),
    ]


def test_new_errors_come_before_old_ones_and_ordinary_lines() -> None:
    text = [f"{stamp(40 - number)} ERROR cache miss {number}" for number in range(30)]
    text += [f"{stamp(30 - number)} served {number} requests" for number in range(30)]
    text += [f"{stamp(3)} ERROR no such table"]
    lines = parse("cart", "\n".join(text))
    found = templates(lines, NOW.replace(hour=2, minute=45))
    assert [item.example for item in found][:2] == [
        "ERROR no such table",
        "ERROR cache miss 0",
    ]
    assert [item.new for item in found] == [True, False, False]
    words = summary(lines, NOW.replace(hour=2, minute=45))
    assert words[0] == "61 lines of 3 kinds (31 error, 30 other)"
    assert words[1].startswith("1× [error NEW] cart 02:57:00: ERROR no such table")
    assert any(line.startswith("  > ERROR no such table") for line in words)


def test_without_a_time_before_nothing_is_called_new() -> None:
    lines = parse("cart", f"{stamp(3)} ERROR no such table")
    assert "NEW" not in "\n".join(summary(lines, NOW.replace(hour=2, minute=45)))


def test_the_frames_of_a_stack_do_not_count_but_its_cause_does() -> None:
    text = "ERROR request failed\n\tat a.B.c(B.java:1)\n\tat d\nCaused by: x.Y: Connection refused"
    found = templates(parse("cart", text), None)
    assert [item.example for item in found] == [
        "ERROR request failed",
        "Caused by: x.Y: Connection refused",
    ]


def test_one_line_that_matters_among_many_is_shown_quickly() -> None:
    ordinary = "\n".join(
        f"{stamp(20)} INFO served user {number} in 5 ms" for number in range(50_000)
    )
    text = f"{ordinary}\n{stamp(5)} FATAL lost the quorum"
    begin = time.perf_counter()
    words = summary(parse("db", text), NOW)
    assert time.perf_counter() - begin < 5
    assert "FATAL lost the quorum" in words[1]
    assert len("\n".join(words)) < 1000


@given(st.lists(st.text("ab7 E:.ro", max_size=20), max_size=30))
def test_no_line_is_lost_from_the_counts(texts: list[str]) -> None:
    lines = parse("pod", "\n".join(texts))
    found = templates(lines, None)
    told = [line for line in lines if line.text.strip()]
    assert sum(item.count for item in found) <= len(told)
    serious = sum(item.count for item in found if item.level < 3)
    assert serious == sum(level_of(line.text) < 3 for line in told)
    for item in found:
        assert item.near[item.place] == item.example


@given(st.lists(st.text("ab7 E.", max_size=12), max_size=30), st.integers(1, 6))
def test_the_cut_into_containers_changes_no_sum(texts: list[str], pieces: int) -> None:
    whole, parts = Digest(), Digest()
    whole.feed("one", [("", text) for text in texts])
    for number in range(pieces):
        parts.feed(f"c{number}", [("", text) for text in texts[number::pieces]])
    sums = [sum(item.count for item in each.kinds() if item.level < 3) for each in (whole, parts)]
    assert sums[0] == sums[1]


def test_a_rare_line_among_a_million_is_shown_in_bounded_memory() -> None:
    def lines() -> Iterator[tuple[str, str]]:
        for number in range(120_000):
            second = f"2026-03-01T02:{number // 2400:02d}:{number // 40 % 60:02d}Z"
            if number == 77_777:
                yield second, "leadership of partition 7 moved to broker 2"
            yield second, _ORDINARY[number % len(_ORDINARY)].format(number)

    digest = Digest(NOW.replace(hour=2, minute=45))
    digest.feed("db", lines())
    text = "\n".join(described(digest))
    assert "1× db 02:32:24: leadership of partition 7 moved to broker 2" in text
    assert len(text) < 3000


_ORDINARY = [f"{word} request {{}} done in 5 ms" for word in ("GET", "PUT", "POST", "HEAD")] + [
    f"worker {{}}: stage {word} finished" for word in ("read", "sort", "merge", "write", "sync")
]


def test_numbered_connections_and_workers_are_one_kind() -> None:
    text = "\n".join(
        f'2026-03-01T03:00:0{n}Z {{"ctx":"conn{n}","msg":"Checking authorization failed"}}'
        for n in range(1, 8)
    )
    assert [item.count for item in templates(parse("db", text), None)] == [7]


def test_colours_make_no_other_kind_of_line_in_a_store_than_in_the_cluster() -> None:
    coloured = "\x1b[90m12:00\x1b[0m \x1b[31mFTL\x1b[0m not authorized on geo-db"
    (kept,) = read_lines([StoredLine(NOW, coloured, {"pod": "geo-1"})], "geo")
    (live,) = parse("geo-1", f"{NOW:%Y-%m-%dT%H:%M:%SZ} {coloured}")
    assert (kept.text, kept.time) == (live.text, live.time)
    assert kept.text == "12:00 FTL not authorized on geo-db"
