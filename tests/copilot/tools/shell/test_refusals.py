"""No hostile line gets through, whoever made it up: a list, and a machine."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.model.errors import ToolFailure
from copilot.tools.context import Context
from copilot.tools.shell.get import Printed
from copilot.tools.shell.run import plan, run
from copilot.tools.sources import Sources
from tests.copilot.tools.shell.fake import ShellCluster, cluster
from tests.copilot.tools.shell.hostile import HOSTILE
from tests.copilot.tools.shell.lines import LEGITIMATE
from tests.copilot.tools.worlds import FixedClock, scope

_READS = {
    ("describe",),
    ("logs",),
    ("top",),
    ("events",),
    ("explain",),
    ("api-resources",),
    ("api-versions",),
    ("rollout", "history"),
    ("rollout", "status"),
    ("auth", "can-i"),
    ("auth", "whoami"),
    ("version",),
    ("cluster-info",),
}
_FORBIDDEN = re.compile(
    r"--(?:as|as-.*|kubeconfig|token|server|user.*|password|cluster|context|filename|kustomize"
    r"|raw|follow|template|cache-dir|profile.*|client-.*|certificate-.*|proxy-url|insecure.*"
    r"|watch(?!=false).*|output-.*)(?:=|$)|-[A-Za-z].*"
)


def of(reader: ShellCluster) -> Context:
    return Context(Sources(FixedClock(), cluster=reader), scope("shop"))


def harmless(asked: list[tuple[str, ...]]) -> None:
    """Check by rules of its own what went out."""
    for what, *words in asked:
        if what != "kubectl":
            assert words[1] in ("shop", ""), words
            assert not (what in ("list", "get") and words[0] == "Secret" and "yaml" in words)
            continue
        assert tuple(words[:1]) in _READS or tuple(words[:2]) in _READS, words
        for word in words:
            assert not _FORBIDDEN.fullmatch(word), words
            assert not word.startswith("--namespace=") or word == "--namespace=shop"
            assert word.isascii() and "\n" not in word


def test_the_lists_are_as_long_as_promised() -> None:
    assert len(set(HOSTILE)) >= 300
    assert len(set(LEGITIMATE)) >= 150


@pytest.mark.parametrize("chunk", range(10))
async def test_hostile_lines_are_refused_before_anything_is_asked(chunk: int) -> None:
    for line in HOSTILE[chunk::10]:
        reader = cluster()
        with pytest.raises(ToolFailure) as caught:
            await run(of(reader), plan(line.replace("{ns}", "shop")))
            pytest.fail(f"not refused: {line!r}")
        assert reader.asked == [], line
        assert len(str(caught.value)) > 20


async def test_legitimate_lines_are_understood() -> None:
    for line in LEGITIMATE:
        reader = cluster()
        planned = plan(line)
        if not any(stage.alone for stage in planned.filters):
            assert isinstance(await run(of(reader), planned), Printed), line
            assert reader.asked, line
            harmless(reader.asked)


_FRAGMENTS = st.sampled_from(
    [
        *("kubectl", "get", "pods", "secrets", "delete", "deploy/web", "exec", "-f", "-n", "shop"),
        *("kube-system", "-o", "yaml", "jsonpath={.data}", "--as=admin", "|", "grep", "x", ";"),
        *("$(id)", "`id`", ">", "<", "&&", "'", '"', "\\", "\n", "-A", "--watch", "logs", "--"),
        *("describe", "rollout", "undo", "status", "history", "scale", "--replicas=0", "-w", "top"),
        *("auth", "can-i", "events", "--for=pod/x", "--raw=/api", "explain", "-nshop", "-l", "a=b"),
        *("--kubeconfig", "/tmp/k", "--namespace=kube-system", "version", "api-resources", "-c"),
        *("--context=other", "apply", "patch", "-p", "{}", "awk", "{print $1}", "jq", ".", "sort"),
        *("--tail=5", "--since=1h", "-p", "-pf", "cluster-info", "dump", "all", "svc,secrets"),
    ]
)
_LINES = st.one_of(
    st.text(max_size=60),
    st.lists(_FRAGMENTS, max_size=9).map(" ".join),
    st.lists(_FRAGMENTS, max_size=9).map(lambda parts: " ".join(["kubectl", *parts])),
    st.lists(st.one_of(_FRAGMENTS, st.text(max_size=6)), max_size=9).map("".join),
    st.tuples(
        st.sampled_from(["get", "describe", "logs", "rollout history", "rollout status", "top"]),
        st.lists(_FRAGMENTS, max_size=6).map(" ".join),
    ).map(lambda pair: f"kubectl {pair[0]} {pair[1]}"),
)


@given(_LINES)
@settings(max_examples=600)
def test_no_line_lets_a_write_through(line: str) -> None:
    reader = cluster()
    try:
        planned = plan(line)
        planned = type(planned)(planned.command, ())
        asyncio.run(run(of(reader), planned))
    except ToolFailure:
        pass
    harmless(reader.asked)
