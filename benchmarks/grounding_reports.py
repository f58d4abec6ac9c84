"""How the grounding check fares on the product's own reports, and on the same with planted faults.

`python -m benchmarks.grounding_reports DIR [--every N] [--show]` reads the runs on emulated apps that
`python -m benchmarks.engine --table dev --out OUT` kept in OUT/kept, lets the engine reason over each, and checks
its findings as sentences that cite their evidence: all of them hold. Then one number, one time of day, or the
whole sentence is replaced by what nothing records, and inferences are drawn, which are not to be rejected.
"""

from __future__ import annotations

import argparse
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from copilot.agent.grounding import Known, judgement
from copilot.agent.merge import objects_of
from copilot.agent.support import Verdict
from copilot.evidence.engine import reason
from eval.bench.case import Kept
from eval.measures.intervals import wilson

_QUESTION = "What is wrong with this application?"
_MEASURE = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?= (?:ms|s|times|errors|MiB|%))")
_TIME = re.compile(r"\b(\d\d)(?=:\d\d:\d\d\b)")
_EVENTS = (
    "{} was evicted from its node.",
    "An administrator paused {} by hand.",
    "{}'s certificate expired yesterday.",
    "{} was migrated to another zone.",
    "Somebody deleted {} and created it again.",
    "The vendor rotated the keys of {}.",
)
_INFERENCES = (
    "{} is therefore a likely reason for what users see.",
    "This suggests that {} cannot keep up, and its callers wait.",
)


def planted(sentence: str, name: str, chance: Random) -> Iterator[tuple[str, str]]:
    """Yield what is planted, and the sentence with it."""
    for found in list(_MEASURE.finditer(sentence))[:2]:
        value = float(found[0]) * chance.choice((10, 3.3, 0.1, 1.7))
        if value:
            shown = f"{value:.0f}" if value >= 2 else f"{value:.2f}"
            yield "number", sentence[: found.start()] + shown + sentence[found.end() :]
    if clock := _TIME.search(sentence):
        hour = (int(clock[1]) + chance.choice((1, 3, 5))) % 24
        yield "time", f"{sentence[: clock.start()]}{hour:02d}{sentence[clock.end() :]}"
    yield (
        "object",
        re.sub(rf"\b{re.escape(name)}\b", f"{name}-canary", f"Deployment {sentence}", count=1),
    )
    yield "event", chance.choice(_EVENTS).format(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="what benchmarks.engine kept")
    parser.add_argument("--every", type=int, default=1, help="take every Nth run only")
    parser.add_argument("--show", action="store_true", help="print what is judged wrongly")
    given = parser.parse_args()
    counts: Counter[tuple[str, Verdict]] = Counter()
    chance = Random(0)

    def note(what: str, sentence: str, cited: list[str], known: Known) -> None:
        found = judgement(sentence, cited, known)
        counts[what, found.verdict] += 1
        held = what in ("as it is", "inference")
        if given.show and held == (found.verdict is Verdict.CONTRADICTED):
            print(f"{what}: {sentence} {found.why}")

    for path in sorted(given.folder.glob("*.pickle"))[:: given.every]:
        kept = pickle.loads(path.read_bytes())
        assert isinstance(kept, Kept)
        report = reason(kept.snapshot, _QUESTION).plain()
        evidence = {piece.id: piece for piece in report.evidence}
        known = Known.of(evidence, objects_of(report), report.scope, report.findings)
        for finding in report.findings:
            cited = [i for i in finding.evidence if i in evidence]
            name = finding.object.name
            sentence = f"{name}: {finding.summary}"
            note("as it is", sentence, cited, known)
            for what, changed in planted(sentence, name, chance):
                note(what, changed, cited, known)
            for inference in _INFERENCES:
                note("inference", inference.format(name), cited, known)
    print("| sentences | verified | inferred | contradicted | share contradicted | Wilson |")
    print("| --- | --- | --- | --- | --- | --- |")
    for what in ("as it is", "inference", "number", "time", "object", "event"):
        row = [counts[what, verdict] for verdict in Verdict]
        low, high = wilson(row[-1], sum(row))
        share = row[-1] / sum(row) if sum(row) else 0.0
        cells = " | ".join(map(str, row))
        print(f"| {what}, {sum(row)} | {cells} | {share:.3f} | {low:.3f}–{high:.3f} |")


if __name__ == "__main__":
    main()
