from hypothesis import given
from hypothesis import strategies as st

from copilot.cli.blocks import complete


def test_a_paragraph_is_rendered_when_it_has_ended() -> None:
    assert complete("one\ntwo\n\nthr") == ("one\ntwo\n\n", "thr")
    assert complete("one") == ("", "one")


def test_a_fence_is_never_cut() -> None:
    assert complete("text\n\n```\na\n\nb") == ("text\n\n", "```\na\n\nb")
    assert complete("```\na\n\nb\n```\n\n") == ("```\na\n\nb\n```\n\n", "")


@given(st.lists(st.sampled_from(["a", "\n", "\n\n", "```\n", "# b\n", " "]), max_size=40))
def test_nothing_is_lost_or_repeated_however_it_is_cut(parts: list[str]) -> None:
    shown, waiting = "", ""
    for part in parts:
        ready, waiting = complete(waiting + part)
        shown += ready
    assert shown + waiting == "".join(parts)
