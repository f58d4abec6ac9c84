"""How far the judge without a model agrees with people: `python -m benchmarks.judge`.

The deterministic rubric for free text (`eval.judge_text`) labels the answers of `corpora/judge`; Cohen's
kappa with its 95 % bootstrap interval is printed against both labellings, field by field, beside that of the
two labellings. The rubric's thresholds were chosen on the odd ids: "held" are the even ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.judge_text import TextRubric
from eval.measures.agreement import Kappa, kappa

_FOLDER = Path(__file__).parent / "corpora" / "judge"
FIELDS = ("localization", "mechanism", "scope", "verdict")

Labels = dict[str, Any]


def read() -> list[tuple[Labels, Labels]]:
    """Return each item with its second labels."""
    second = {row["id"]: row["labels"] for row in _rows("second.jsonl")}
    return [(row, second[row["id"]]) for row in _rows("answers.jsonl")]


def judged(items: Sequence[tuple[Labels, Labels]]) -> list[Labels]:
    """Return the rubric's labels of each item."""
    rubric = TextRubric()
    found = []
    for row, _ in items:
        labels = rubric.judge(row["truth"], row["answer"])
        found.append({field: getattr(labels, field) for field in FIELDS})
    return found


def agreement(mine: Sequence[Labels], theirs: Sequence[Labels], field: str) -> Kappa:
    """Return the agreement of two labellings in one field."""
    return kappa([one[field] for one in mine], [one[field] for one in theirs])


def main() -> None:
    items = read()
    labels = judged(items)
    for name, rest in (("all", (0, 1)), ("dev", (1,)), ("held", (0,))):
        chosen = [at for at, (row, _) in enumerate(items) if int(row["id"][1:]) % 2 in rest]
        mine = [labels[at] for at in chosen]
        first = [items[at][0]["labels"] for at in chosen]
        second = [items[at][1] for at in chosen]
        print(f"{name}: {len(chosen)} answers; Cohen's kappa (95 % interval), plain agreement")
        print(f"  {'field':13} {'first labels':28} {'second labels':28} the two labellings")
        for field in FIELDS:
            pairs = ((mine, first), (mine, second), (first, second))
            cells = [_shown(agreement(one, other, field)) for one, other in pairs]
            print(f"  {field:13} {cells[0]:28} {cells[1]:28} {cells[2]}")
    print("extra_wrong_claims is not judged: word matching cannot see a wrong claim.")


def _shown(found: Kappa) -> str:
    return f"{found.kappa:.2f} ({found.low:.2f} to {found.high:.2f}), {found.agreement:.0%}"


def _rows(name: str) -> list[Labels]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    main()
