"""How far the judge without a model agrees with people: `python -m benchmarks.judge`.

The deterministic rubric for free text (`eval.judge.text`) labels the answers of `eval.judge.labelled`; Cohen's
kappa with its 95 % bootstrap interval is printed against both labellings, field by field, beside that of the
two labellings. The rubric's thresholds were chosen on the odd ids: "held" are the even ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval.judge.labelled import FIELDS, Labelled, labelled_set
from eval.judge.text import Labels, TextRubric
from eval.measures.agreement import Kappa, kappa


def judged(items: Sequence[Labelled]) -> list[Labels]:
    """Return the rubric's labels of each item."""
    rubric = TextRubric()
    return [rubric.judge(item.truth, item.answer) for item in items]


def agreement(mine: Sequence[Labels], theirs: Sequence[Labels], field: str) -> Kappa:
    """Return the agreement of two labellings in one field."""
    return kappa([getattr(one, field) for one in mine], [getattr(one, field) for one in theirs])


def main() -> None:
    items = labelled_set()
    for name, rest in (("all", (0, 1)), ("dev", (1,)), ("held", (0,))):
        chosen = [item for item in items if int(item.id[1:]) % 2 in rest]
        mine = judged(chosen)
        first = [item.first for item in chosen]
        second = [item.second for item in chosen]
        print(f"{name}: {len(chosen)} answers; Cohen's kappa (95 % interval), plain agreement")
        print(f"  {'field':13} {'first labels':28} {'second labels':28} the two labellings")
        for field in FIELDS:
            pairs = ((mine, first), (mine, second), (first, second))
            cells = [_shown(agreement(one, other, field)) for one, other in pairs]
            print(f"  {field:13} {cells[0]:28} {cells[1]:28} {cells[2]}")
    print("extra_wrong_claims is not judged: word matching cannot see a wrong claim.")


def _shown(found: Kappa) -> str:
    return f"{found.kappa:.2f} ({found.low:.2f} to {found.high:.2f}), {found.agreement:.0%}"


if __name__ == "__main__":
    main()
