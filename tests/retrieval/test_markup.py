from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents import section_input, whole_input
from retrieval.ingestion.markup import bare


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <!-- overview\n-->b", "a b"),
        ('see [the guide](https://example.org/a_(b)?x=1 "title") first', "see the guide first"),
        ("![a diagram](img/x.png)", "a diagram"),
        ('{{< glossary_tooltip text="Pod" term_id="pod" >}} is gone', "Pod is gone"),
        ("{{% alert %}}mind{{% /alert %}}", "mind"),
        ("## Before you begin {#before-you-begin}", "## Before you begin"),
        ("<details><summary>Full context</summary>text</details>", "Full context text"),
        ("[1]: https://example.org/long/target", ""),
        ("kubectl logs <pod> -n <namespace>", "kubectl logs <pod> -n <namespace>"),
        ("p99 < 5 ms and p95 > 1 ms", "p99 < 5 ms and p95 > 1 ms"),
        ("{{ $labels.pod }} restarts", "{{ $labels.pod }} restarts"),
    ],
)
def test_markup_goes_and_words_stay(text: str, left: str) -> None:
    assert " ".join(bare(text).split()) == left


def test_code_stays_as_it_is() -> None:
    code = "```html\n<div><!-- kept -->[a](b)</div>\n```"
    assert bare(f"<b>x</b>\n{code}\n<i>y</i>") == f" x \n{code}\n y "


def test_only_what_is_searched_is_bare() -> None:
    assert section_input("T", "A [link](u)", "see [b](v)") == "T > A link\nsee b"
    assert whole_input("T", "", "see [b](v)") == "T\nsee b"


@given(st.text(alphabet='ab <>/[](){}%!-#`~\n"=:divpre', max_size=200))
def test_whatever_is_written_is_read(text: str) -> None:
    once = bare(text)
    assert len(once) <= len(text) + text.count("<")
    assert set(once) <= set(text) | {" "}
