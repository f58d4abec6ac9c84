from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.agent.budget import Spent
from copilot.agent.calls import Reply
from copilot.model.errors import ModelError, UsageError
from eval.recommendation.controls import Newest
from eval.recommendation.evaluate import Graded, Wanted, evaluate, table
from eval.recommendation.incidents import (
    Incident,
    Rating,
    read_incidents,
    read_ratings,
    read_recurrences,
)
from eval.recommendation.protocol import Answer, Asked
from eval.recommendation.retrieval import Modelled, Retrieved, indexed
from eval.recommendation.textmetrics import METRICS
from retrieval.values import DocumentKind, Hit

_CORPUS = Path(__file__).parents[3] / "benchmarks" / "corpora" / "recommend"


def _incident(id: str, day: int, reporter: str = "machine", cause: str = "dns") -> Incident:
    return Incident.model_validate(
        {
            "id": id,
            "date": f"2024-01-{day:02}T10:00Z",
            "reporter": reporter,
            "title": f"Trouble {id}",
            "summary": f"{cause} fails",
            "root_cause": cause,
            "mitigation": f"repair {cause}",
        }
    )


def _same(candidate: str, reference: str) -> dict[str, float]:
    return dict.fromkeys(METRICS, float(candidate == reference))


class Watched(Newest):
    """The control, with a look at what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []

    async def recommend(self, asked: Asked, known: Sequence[Incident]) -> Answer:
        self.seen.append((asked.id, [one.id for one in known]))
        return await super().recommend(asked, known)


_FOUR = [
    _incident("a", 1),
    _incident("b", 10, "customer", "disk"),
    _incident("c", 12, cause="disk"),
    _incident("d", 20, "customer", "dns"),
]


async def test_only_earlier_incidents_are_known_and_stale_ones_fewer() -> None:
    newest = Watched()
    graded = await evaluate(Wanted(_FOUR, stale=(0, 9)), [newest], _same)
    assert newest.seen == [
        ("a", []),
        ("b", ["a"]),
        ("c", ["a", "b"]),
        ("d", ["a", "b", "c"]),
        ("a", []),
        ("b", []),
        ("c", ["a"]),
        ("d", ["a", "b"]),
    ]
    assert len(graded) == 16


async def test_first_and_best_of_five_are_averaged_by_split() -> None:
    recurrences = {"c": frozenset({"b"}), "d": frozenset({"a"})}
    ratings = [
        Rating(id="b", recommender="newest incidents", rating=2),
        Rating(id="c", recommender="newest incidents", rating=5),
        Rating(id="c", recommender="other", rating=1),
    ]
    graded = await evaluate(Wanted(_FOUR, recurrences, stale=(0, 9)), [Newest()], _same)
    lines = {(line.target, line.split): line for line in table(graded, ratings)}
    every = lines["root_cause", "all"]
    # a: nothing known; b: wrong; c: the first is right; d: the third is right
    assert (every.number, every.first["bleu4"], every.best["bleu4"]) == (4, 0.25, 0.5)
    assert every.recurred == 1.0
    assert every.failures == 1
    assert (every.rating, every.good) == (3.5, 0.5)
    assert lines["root_cause", "customer"].best["meteor"] == 0.5
    assert lines["root_cause", "machine"].first["rouge_l"] == 0.5
    stale = lines["mitigation", "index 9 days old"]
    assert (stale.first["bleu4"], stale.best["bleu4"]) == (0.0, 0.25)
    assert stale.rating is None


async def test_only_five_lines_count() -> None:
    class Late:
        name = "late"

        async def recommend(self, asked: Asked, known: Sequence[Incident]) -> Answer:
            return Answer(("x",) * 5 + ("dns",), ())

        async def close(self) -> None:
            return None

    graded = await evaluate(Wanted(_FOUR[:1], stale=(0,)), [Late()], _same)
    assert graded[0].best["bleu4"] == 0.0
    assert len(graded[0].lines) == 5


def test_since_and_limit_choose_whom_to_ask_about() -> None:
    import asyncio

    since = datetime(2024, 1, 11, tzinfo=UTC)
    found: list[Graded] = asyncio.run(
        evaluate(Wanted(_FOUR, since=since, limit=1, stale=(0,)), [Newest()], _same)
    )
    assert {one.id for one in found} == {"c"}


class Everything:
    """A knowledge source that finds all incidents, the newest first."""

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: object = None,
    ) -> list[Hit]:
        assert kind is DocumentKind.INCIDENT
        return [
            Hit(
                one.id,
                DocumentKind.INCIDENT,
                one.title,
                "",
                one.summary,
                0.9,
                f"{one.id}.md",
                metadata={"id": one.id, "root_cause": one.root_cause, "mitigation": one.mitigation},
            )
            for one in reversed(_FOUR[:limit])
        ]


async def test_retrieval_leaves_out_what_was_not_known_then() -> None:
    retrieved = Retrieved(Everything(), 4)
    answer = await retrieved.recommend(Asked.of(_FOUR[2]), _FOUR[:2])
    assert answer.causes[:2] == ("disk", "dns")
    assert answer.mitigations[:2] == ("repair disk", "repair dns")
    assert answer.sources == ("b", "a")
    assert (await retrieved.recommend(Asked.of(_FOUR[0]), [])).sources == ()


class Script:
    """A model that says one thing. Fits `copilot.agent.calls.Model`."""

    calls_tools = False

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    async def reply(
        self, messages: Sequence[Any], tools: Sequence[Any], *, seconds: float
    ) -> AsyncIterator[str | Reply]:
        self.asked.append(str(messages))
        if not self.text:
            raise ModelError("it is down")
        yield Reply(self.text, (), "stop", Spent())

    async def close(self) -> None:
        return None


async def test_a_model_is_asked_with_and_without_retrieval_and_its_failures_are_told() -> None:
    said = {
        "causes": [{"text": "the disk", "sources": ["b"]}],
        "mitigations": [{"text": "add one"}],
    }
    model, asked = Script(json.dumps(said)), Asked.of(_FOUR[2])
    alone = Modelled(model, "m", 10)
    helped = Modelled(model, "m", 10, Retrieved(Everything(), 4))
    assert (alone.name, helped.name) == ("m, zero-shot", "m, with retrieval")
    answer = await alone.recommend(asked, _FOUR[:2])
    assert (answer.causes, answer.mitigations) == (("the disk",), ("add one",))
    assert (await helped.recommend(asked, _FOUR[:2])).sources[:1] == ("b",)
    assert "repair disk" in model.asked[1]
    assert "repair disk" not in model.asked[0]
    for broken in (Script(""), Script("I would rather not.")):
        failed = await Modelled(broken, "m", 10).recommend(asked, _FOUR[:2])
        assert failed.causes == ()
        assert failed.failure


@pytest.mark.matrix
async def test_the_index_finds_the_like_incident() -> None:
    known = read_incidents(_CORPUS / "incidents.jsonl")[:5]
    asked = Incident.model_validate({**known[1].model_dump(), "id": "new"})
    async with indexed(known) as index:
        retrieved = Retrieved(index, len(known))
        answer = await retrieved.recommend(Asked.of(asked), known)
        assert answer.causes[0] == known[1].root_cause
        assert answer.mitigations[0].rstrip(".") == known[1].mitigation.rstrip(".")
        assert answer.sources[0] == known[1].id
        earlier = await retrieved.recommend(Asked.of(asked), known[:1])
        assert known[1].id not in earlier.sources


def test_the_corpus_can_be_read() -> None:
    incidents = read_incidents(_CORPUS / "incidents.jsonl")
    recurrences = read_recurrences(_CORPUS / "recurrences.jsonl")
    when = {one.id: one.date for one in incidents}
    assert len(incidents) == 205
    assert all(when[old] < when[new] for new, olds in recurrences.items() for old in olds)


@pytest.mark.parametrize(
    ("line", "words"),
    [("{", "Invalid JSON"), ('{"id": "a"}', "date: Field required"), ("", "no incidents")],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    good = _FOUR[0].model_dump_json()
    path = tmp_path / "x.jsonl"
    path.write_text(f"{good}\n{line}\n" if line else "\n")
    with pytest.raises(UsageError, match=words) as caught:
        read_incidents(path)
    assert not line or f"{path}:2" in str(caught.value)
    path.write_text(f"{good}\n{good}\n")
    with pytest.raises(UsageError, match="twice"):
        read_incidents(path)
    path.write_text(json.dumps({"id": "a", "recommender": "r", "rating": 6}))
    with pytest.raises(UsageError, match="rating"):
        read_ratings(path)
