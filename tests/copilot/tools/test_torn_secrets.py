"""Secrets that a log, a filter or a store would part from what tells them."""

from __future__ import annotations

import random
import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import LogLine, LogPage
from connectors.kubernetes.binary import Output
from copilot.model.errors import ToolFailure
from copilot.tools.redact import redact, redact_keys, restorable
from tests.copilot.tools.shell.fake import ShellCluster
from tests.copilot.tools.worlds import NOW, app, stamp, told, toolbox

MARK = "-" * 5
HEAD, FOOT = f"{MARK}BEGIN RSA PRIVATE KEY{MARK}", f"{MARK}END RSA PRIVATE KEY{MARK}"


def body(lines: int, seed: int = 3) -> list[str]:
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits + "+/"
    found = ["".join(chance.choice(letters) for _ in range(64)) for _ in range(lines)]
    return [*found, found[0][:18] + "=="]


KEY = body(6)
STAMPS = [f"2026-03-01T02:59:{n:02}.123456789Z " for n in range(60)]


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("between", [0, 3])
@pytest.mark.parametrize("stamped", [False, True])
def test_a_key_torn_into_lines(before: int, after: int, between: int, stamped: bool) -> None:
    lines = [HEAD] * before + KEY + [FOOT] * after
    mixed = [part for line in lines for part in (line, *["GET /cart 200"] * between)]
    text = "\n".join(
        f"{STAMPS[n % 60] if stamped else ''}{line}" for n, line in enumerate(["started", *mixed])
    )
    masked = redact_keys(text)
    assert len(masked.splitlines()) == len(text.splitlines())
    assert masked.count("GET /cart 200") == between * len(lines)
    for torn in (masked, redact(text)):
        if before or after:
            assert not any(line in torn for line in KEY[:-1])
    assert redact_keys(masked) == masked
    # without a mark at either end nothing tells a key
    assert before or after or masked == text


@given(st.text(alphabet=string.ascii_letters + " \n-=", max_size=400))
def test_ordinary_text_stays(text: str) -> None:
    assert redact_keys(text) == text


async def test_a_filter_cannot_part_a_value_from_its_name() -> None:
    cluster = ShellCluster(app("cart"))
    out = "\n".join(["DB password=hunter2 wrong", "token: abcdef123456789", HEAD, *KEY, FOOT])
    cluster.output = Output(out, "", 0)
    box = toolbox(cluster)
    for tail in (
        "cut -d= -f2",
        "awk '{print $2}'",
        "grep -o hunter2",
        f"grep -v {FOOT[5:8]}",
        "sort -r",
        "tail -n 4",
        "grep -E '^[A-Za-z0-9+/]{60,}'",
    ):
        try:
            text = await told(box, "exec_shell", command=f"kubectl logs cart-1-aaaaa | {tail}")
        except ToolFailure as error:
            text = str(error)
        shown = text.partition("\n[ev-")[0]
        for secret in ("abcdef123456789", *KEY[:-1]):
            assert secret not in shown, tail
        assert "hunter2" not in shown.replace("hunter2'", ""), tail


class Store:
    name = "loki"

    def __init__(self, *lines: LogLine, truncated: bool = False) -> None:
        self.page = LogPage(lines, truncated)
        self.asked = 0

    async def lines(self, *_: object, **__: object) -> LogPage:
        self.asked += 1
        return self.page


def line(minutes: float, pod: str, text: str) -> LogLine:
    return LogLine(NOW - timedelta(minutes=minutes), text, {"pod": pod})


async def test_a_store_adds_gone_pods_and_older_lines() -> None:
    cluster = ShellCluster(app("cart"), log_texts={"cart-1-aaaaa": f"{stamp(5)} ERROR newest\n"})
    store = Store(
        line(30, "cart-1-aaaaa", "ERROR older of the live pod"),
        line(4, "cart-1-aaaaa", "ERROR kept twice"),
        line(20, "cart-0-gone", "FATAL last words"),
    )
    text = await told(toolbox(cluster, logs=store), "get_logs", service="cart")
    for part in ("ERROR newest", "older of the live pod", "last words", "(from loki)"):
        assert part in text
    assert "kept twice" not in text


async def test_the_store_is_not_asked_for_what_the_cluster_has() -> None:
    cluster = ShellCluster(app("cart"), log_texts={"cart-1-aaaaa": f"{stamp(29)} ERROR early\n"})
    store = Store(line(20, "cart-0-gone", "x"))
    box = toolbox(cluster, logs=store)
    await told(box, "get_logs", service="cart", since_minutes=29)
    assert store.asked == 0
    await told(box, "get_logs", service="cart", previous=True)
    assert store.asked == 0


async def test_a_cut_store_says_so() -> None:
    cluster = ShellCluster(app("cart"), log_texts={"cart-1-aaaaa": f"{stamp(5)} ok\n"})
    store = Store(line(20, "cart-0-gone", "x"), truncated=True)
    text = await told(toolbox(cluster, logs=store), "get_logs", service="cart")
    assert "caveat: only the newest 5000 lines of loki were read" in text


def test_secrets_come_back_only_where_and_while_they_may() -> None:
    text = "password=hunter2 of ada; password=hunter2 of bob; token: abcdef123456789"
    masked = redact(text)
    assert masked.count("[redacted:password:") == 2
    with restorable() as restore:
        assert restore(masked) == masked, "nothing is remembered from before"
        assert redact(text) == masked, "placeholders are stable"
        assert restore(masked) == text
        assert restore(f"[redacted:password:0000] {masked}") == f"[redacted:password:0000] {text}"
    assert restore(masked) == masked


def test_a_placeholder_of_two_secrets_stays() -> None:
    seen: dict[str, str] = {}
    for number in range(100_000):
        text = f"password=s{number}"
        other = seen.setdefault(redact(text), text)
        if other != text:
            break
    with restorable() as restore:
        masked = redact(other)
        assert redact(text) == masked
        assert restore(masked) == masked
