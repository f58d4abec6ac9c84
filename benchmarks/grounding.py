"""How well the grounding check tells claims that hold from claims with planted faults.

Run as `python -m benchmarks.grounding [--split dev|held] [--show]`. Each claim of the labelled answers
is checked as the product checks it; intervals are Wilson's, 95 %.

The corpus is JSON lines, `benchmarks/corpora/grounding/<split>.jsonl`: {"id", "evidence": [{"id", "source",
"text"}], "answer": {"summary", "claims": [{"text", "quotes": [{"evidence", "text"}], "objects":
["Pod/ns/name"], "command"}]}, "objects_in_scope", "labels": one of the kinds below for each claim}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any

from copilot.agent.support import Claim, Quote, unsupported
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef

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


def judged(path: Path) -> Iterator[Judged]:
    """Check every claim of a split."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield from _answer(json.loads(line))


def _answer(row: Mapping[str, Any]) -> Iterator[Judged]:
    evidence = {item["id"]: _piece(item) for item in row["evidence"]}
    scope = frozenset(map(_ref, row["objects_in_scope"]))
    for claim, label in zip(row["answer"]["claims"], row["labels"], strict=True):
        made = Claim(
            claim["text"],
            tuple(Quote(quote["evidence"], quote["text"]) for quote in claim["quotes"]),
            tuple(map(_ref, claim["objects"])),
            claim["command"] or "",
        )
        yield Judged(row["id"], made, label, unsupported(made, evidence, scope))


def _piece(item: Mapping[str, str]) -> Evidence:
    kinds = {source.value for source in Source}
    source = Source(item["source"]) if item["source"] in kinds else Source.KUBERNETES
    return Evidence(item["id"], source, "", _DAY, _DAY, item["text"], item["text"])


def _ref(text: str) -> ObjectRef:
    parts = text.split("/")
    return ObjectRef(parts[0], parts[1] if len(parts) > 2 else "", parts[-1])


def interval(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not count:
        return 0.0, 1.0
    z, p = 1.96, hits / count
    middle = p + z * z / (2 * count)
    half = z * sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def share(name: str, hits: int, count: int) -> str:
    """Return one line of the table."""
    low, high = interval(hits, count)
    value = f"{hits / count:.3f}" if count else "–"
    return f"| {name} | {hits}/{count} | {value} | {low:.3f}–{high:.3f} |"


def report(found: list[Judged]) -> str:
    """Return the table: recall by kind of fault, precision, and false rejections."""
    lines = ["| measure | claims | share | 95 % interval |", "| --- | --- | --- | --- |"]
    wrong = [one for one in found if one.label != "ok"]
    plain = [one for one in wrong if one.label in MECHANICAL]
    fine = [one for one in found if one.label == "ok"]
    lines.append(share("recall, mechanically checkable", _hits(plain), len(plain)))
    lines.append(share("recall, all faults", _hits(wrong), len(wrong)))
    for kind in (*MECHANICAL, "wrong_conclusion"):
        some = [one for one in wrong if one.label == kind]
        lines.append(share(f"recall, {kind}", _hits(some), len(some)))
    rejected = [one for one in found if one.why]
    lines.append(share("precision", sum(one.label != "ok" for one in rejected), len(rejected)))
    lines.append(share("false rejections", _hits(fine), len(fine)))
    return "\n".join(lines)


def _hits(some: list[Judged]) -> int:
    return sum(bool(one.why) for one in some)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--split", choices=("dev", "held"), default="dev")
    parser.add_argument("--show", action="store_true", help="print what is judged wrongly")
    given = parser.parse_args()
    found = list(judged(FOLDER / f"{given.split}.jsonl"))
    print(f"{given.split}: {len({one.answer for one in found})} answers, {len(found)} claims\n")
    print(report(found))
    if given.show:
        for one in found:
            if bool(one.why) != (one.label != "ok"):
                print(f"\n{one.answer} {one.label}: {one.claim}\n  {one.why}")


if __name__ == "__main__":
    main()
