from __future__ import annotations

import json
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.logs.fields import WILD
from retrieval.logs.masking import mask_word
from retrieval.logs.miner import Miner


def texts(miner: Miner) -> list[str]:
    return [template.text for template in miner]


def mined(*lines: str) -> Miner:
    miner = Miner()
    for line in lines:
        miner.add(line)
    return miner


@pytest.mark.parametrize(
    ("word", "masked"),
    [
        ("10.0.0.7:5432", WILD),
        ("uid=0", f"uid={WILD}"),
        ("/var/log/app/today.log", WILD),
        ("3fa85f64-5717-4562-b3fc-2c963f66afa6", WILD),
        ("https://shop.example/cart?id=7", WILD),
        ("SHA256", "SHA256"),
        ("refused", "refused"),
        ("<1", WILD),
    ],
)
def test_what_varies_by_its_looks_is_masked(word: str, masked: str) -> None:
    assert mask_word(word) == masked


def test_values_of_different_lengths_belong_to_one_template() -> None:
    miner = mined(
        "close, 0 bytes sent, lifetime 00:01",
        "close, 1165 bytes (1.13 KB) sent, lifetime <1 sec",
    )
    assert texts(miner) == [f"close, {WILD} sent, lifetime {WILD}"]


def test_different_words_of_a_sentence_stay_apart() -> None:
    miner = mined("VM Started (Lifecycle Event)", "VM Paused (Lifecycle Event)")
    assert len(miner) == 2


def test_many_names_in_one_place_become_a_variable() -> None:
    names = ["anna", "bert", "cleo", "dora", "emil", "fritz"]
    miner = Miner()
    ids = [miner.add(f"session opened for user {name} by (uid=0)") for name in names]
    assert texts(miner) == [f"session opened for user {WILD} by (uid={WILD})"]
    assert {miner.resolve(id) for id in ids} == {next(iter(miner)).id}
    assert next(iter(miner)).count == len(names)


def test_identifiers_need_less_to_become_a_variable() -> None:
    miner = mined("call to cart-service failed again", "call to user-service failed again")
    assert texts(miner) == [f"call to {WILD} failed again"]


LINES = st.lists(
    st.sampled_from(
        [
            f"{verb} {thing} {who} in {number} ms"
            for verb in ("opened", "closed", "lost")
            for thing in ("session", "file")
            for who in ("for anna", "for bert", "for cleo", "for dora", "for emil", "of cart-db")
            for number in (1, 20, 3000)
        ]
    ),
    max_size=120,
)


@given(LINES)
@settings(max_examples=40, deadline=None)
def test_no_line_is_lost(lines: list[str]) -> None:
    miner = mined(*lines)
    assert sum(template.count for template in miner) == len(lines)


@given(LINES, st.integers(min_value=0, max_value=120))
@settings(max_examples=40, deadline=None)
def test_the_result_does_not_depend_on_where_the_stream_was_cut(lines: list[str], cut: int) -> None:
    whole = mined(*lines)
    first = mined(*lines[:cut])
    second = Miner.restore(json.loads(json.dumps(first.state())))
    for line in lines[cut:]:
        second.add(line)
    assert list(second) == list(whole)


def test_random_words_cannot_fill_the_memory() -> None:
    chance = random.Random(1)
    miner = Miner(max_templates=500)
    tracemalloc.start()
    for number in range(6000):
        miner.add(" ".join("".join(chance.choices("abcdefgh", k=7)) for _ in range(8)))
        if number == 3000:
            before = tracemalloc.get_traced_memory()[0]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(miner) <= 500
    assert miner.other + sum(template.count for template in miner) == 6000
    # words and families are remembered up to a limit of their own
    assert after < 2.5 * before


@pytest.mark.parametrize("state", [{}, {"version": 1}, {"version": 99}, [], "x"])
def test_a_foreign_state_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="saved state"):
        Miner.restore(state)  # type: ignore[arg-type]
