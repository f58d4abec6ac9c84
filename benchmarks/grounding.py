"""How well the grounding check tells claims that hold from claims with planted faults.

Run as `python -m benchmarks.grounding [--split dev|rounds|probe|held] [--parts xyz] [--show]`. Each claim of the labelled
answers is checked as the product checks it; what is contradicted counts as rejected. Intervals are of 95 %:
Wilson's, as if all claims were independent, and by a bootstrap over incidents, since claims on one incident
fail together; `--by-incident` prints where the misses and false rejections are. Runs of `held` are noted in
`held-runs.md` beside it. `rounds` was written in eight parts (s to z), each before the rules saw it; the last three by
another writer, with longer sentences on rawer evidence. `--parts xyz` takes some of them only.

The corpus is JSON lines, `benchmarks/corpora/grounding/<split>.jsonl`: {"id", "evidence": [{"id", "source",
"text"}], "answer": {"summary", "claims": [{"text", "quotes": [{"evidence", "text"}], "objects":
["Pod/ns/name"], "command"}]}, "objects_in_scope", "labels": one of the kinds below for each claim}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from copilot.agent.support import Claim, Quote, judge
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef
from eval.measures.intervals import wilson

FOLDER = Path(__file__).parent / "corpora" / "grounding"
MECHANICAL = (
    "wrong_number",
    "wrong_object",
    "invented_event",
    "misattributed_quote",
    "unsafe_command",
)
"""Kinds of faults that the text of the evidence alone can tell; `wrong_conclusion` is not one."""

_DAY = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Judged:
    """One labelled claim, and why the check rejects it (() when it does not)."""

    answer: str
    claim: Claim
    label: str
    why: tuple[str, ...]

    @property
    def incident(self) -> str:
        """The incident that the answer is about: its claims depend on each other."""
        return self.answer.partition("-")[0]


def judged(path: Path) -> Iterator[Judged]:
    """Check every claim of a split."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield from _answer(json.loads(line))


def _answer(row: Mapping[str, Any]) -> Iterator[Judged]:
    evidence = {item["id"]: piece(item) for item in row["evidence"]}
    scope = frozenset(map(ref, row["objects_in_scope"]))
    for claim, label in zip(row["answer"]["claims"], row["labels"], strict=True):
        made = Claim(
            claim["text"],
            tuple(Quote(quote["evidence"], quote["text"]) for quote in claim["quotes"]),
            tuple(map(ref, claim["objects"])),
            claim["command"] or "",
        )
        yield Judged(row["id"], made, label, judge(made, evidence, scope).why)


def piece(item: Mapping[str, str]) -> Evidence:
    kinds = {source.value for source in Source}
    source = Source(item["source"]) if item["source"] in kinds else Source.KUBERNETES
    return Evidence(item["id"], source, "", _DAY, _DAY, item["text"], item["text"])


def ref(text: str) -> ObjectRef:
    parts = text.split("/")
    return ObjectRef(parts[0], parts[1] if len(parts) > 2 else "", parts[-1])


def interval(hits: Mapping[str, tuple[int, int]], rounds: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of a share, given hits and count by incident: whole incidents are drawn."""
    pairs = list(hits.values())
    chosen = Random(0)
    shares = []
    for _ in range(rounds):
        drawn = chosen.choices(pairs, k=len(pairs))
        count = sum(n for _, n in drawn)
        shares.append(sum(h for h, _ in drawn) / count if count else 0.0)
    shares.sort()
    return shares[int(0.025 * rounds)], shares[int(0.975 * rounds) - 1]


def share(name: str, some: list[Judged], hit: Callable[[Judged], bool]) -> str:
    """Return one line of the table."""
    if not some:
        return f"| {name} | 0/0 | – | – | – |"
    by: dict[str, tuple[int, int]] = {}
    for one in some:
        hits, count = by.get(one.incident, (0, 0))
        by[one.incident] = (hits + hit(one), count + 1)
    total = sum(hits for hits, _ in by.values())
    low, high = interval(by)
    least, most = wilson(total, len(some))
    return (
        f"| {name} | {total}/{len(some)} | {total / len(some):.3f} "
        f"| {least:.3f}–{most:.3f} | {low:.3f}–{high:.3f} |"
    )


def report(found: list[Judged]) -> str:
    """Return the table: recall by kind of fault, precision, and false rejections."""
    lines = [
        "| measure | claims | share | Wilson | by incident |",
        "| --- | --- | --- | --- | --- |",
    ]
    wrong = [one for one in found if one.label != "ok"]
    plain = [one for one in wrong if one.label in MECHANICAL]
    fine = [one for one in found if one.label == "ok"]
    lines.append(share("recall, mechanically checkable", plain, _rejected))
    lines.append(share("recall, all faults", wrong, _rejected))
    for kind in (*MECHANICAL, "wrong_conclusion"):
        some = [one for one in wrong if one.label == kind]
        lines.append(share(f"recall, {kind}", some, _rejected))
    rejected = [one for one in found if one.why]
    lines.append(share("precision", rejected, lambda one: one.label != "ok"))
    lines.append(share("false rejections", fine, _rejected))
    return "\n".join(lines)


def by_incident(found: list[Judged]) -> str:
    """Return, for each incident, how many mechanical faults are found and how many claims wrongly rejected."""
    lines = []
    for incident in dict.fromkeys(one.incident for one in found):
        mine = [one for one in found if one.incident == incident]
        plain = [one for one in mine if one.label in MECHANICAL]
        fine = [one for one in mine if one.label == "ok"]
        lines.append(
            f"{incident}: found {sum(map(_rejected, plain))}/{len(plain)}, "
            f"wrongly rejected {sum(map(_rejected, fine))}/{len(fine)}"
        )
    return "\n".join(lines)


def _rejected(one: Judged) -> bool:
    return bool(one.why)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--split", choices=("dev", "rounds", "probe", "held"), default="dev")
    parser.add_argument("--parts", default="", help="only incidents whose name begins so, as xyz")
    parser.add_argument("--by-incident", action="store_true", help="print the counts by incident")
    parser.add_argument("--show", action="store_true", help="print what is judged wrongly")
    given = parser.parse_args()
    found = [
        one
        for one in judged(FOLDER / f"{given.split}.jsonl")
        if not given.parts or one.answer[0] in given.parts
    ]
    print(f"{given.split}: {len({one.answer for one in found})} answers, {len(found)} claims\n")
    print(report(found))
    if given.by_incident:
        print(f"\n{by_incident(found)}")
    if given.show:
        for one in found:
            if bool(one.why) != (one.label != "ok"):
                print(f"\n{one.answer} {one.label}: {one.claim}\n  {one.why}")


if __name__ == "__main__":
    main()
