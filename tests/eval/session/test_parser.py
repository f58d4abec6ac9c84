"""The reply's format: AIOpsLab's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.session.parser import BadFormat, parse, solution_of


def block(text: str) -> str:
    return f"```\n{text}\n```"


@pytest.mark.parametrize(
    ("reply", "name", "solution"),
    [
        (block('submit("Yes")'), "submit", "Yes"),
        (block('submit(["geo", "rate"])'), "submit", ["geo", "rate"]),
        (block("submit()"), "submit", []),
        (block('submit(has_anomaly="Yes")'), "submit", []),
        (block('submit("a", "b")'), "submit", ["a", "b"]),
        ("I look.\n" + block('get_logs("ns", "geo")') + "\nSo.", "get_logs", ["ns", "geo"]),
        (
            block("exec_shell('kubectl get pods -o jsonpath=\"{.items}\"')"),
            "exec_shell",
            'kubectl get pods -o jsonpath="{.items}"',
        ),
        (block('exec_shell(command="kubectl get pods")'), "exec_shell", "kubectl get pods"),
    ],
)
def test_what_is_read(reply: str, name: str, solution: object) -> None:
    call = parse(reply)
    assert call.name == name
    assert solution_of(call) == solution


def test_what_is_said_around_it_is_kept() -> None:
    assert parse("first\n" + block("submit()") + "\nthen").context == ("first", "then")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "submit()",
        "```python\nsubmit()\n```",
        block("submit()") + block("submit()"),
        block("submit"),
        block("get_logs(namespace)"),
        block("get_logs(open('x'))"),
        block("exec_shell(1)"),
        "```submit()```",
    ],
)
def test_what_is_refused(reply: str) -> None:
    with pytest.raises(BadFormat):
        parse(reply)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reply in (text, block(text), block(f"submit({text})")):
        try:
            assert parse(reply).name.isidentifier()
        except BadFormat as error:
            assert str(error)
