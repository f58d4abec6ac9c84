"""How well the grounding check tells true claims from the same claims with one thing changed: no labels needed.

Run as `python -m benchmarks.grounding_perturbed [--parts w,x] [--show KIND]`. Takes every claim that holds of the development
answers (dev, rounds, probe), without those that recommend a command, checks it as it is (the share rejected is
the false rejections), and then with one number changed by a factor, with its digits swapped, in another unit or
replaced by another number of the evidence; with a number in words or a time of day replaced; told of another object of its kind; and
with the words of a claim on another incident in place of its own. The share rejected estimates the recall on planted
faults. A change that the wording allows ("about 50" for 47) is left out; some of the rest may happen to be true.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from benchmarks.grounding import FOLDER, piece, ref
from copilot.agent.support import Claim, Quote, judge
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef
from eval.measures.intervals import wilson

SPLITS = ("dev", "rounds", "probe")
_NUMBER = re.compile(
    r"(?<![\w.,:/#-])(?:\d{1,3}(?:[ ,]\d{3})+|\d+(?:\.\d+)?)(?![\w:/]|[.,-]\d|-[a-z])"
)
_FACTORS = (0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.5, 2.0, 10.0, 0.1)
_LOOSE = re.compile(
    r"\b(?:about|around|roughly|some|nearly|almost|over|under|above|below|than|least|most|close to|good|like|up to|within|beyond|"
    r"short of|within|just|well|practically|not|even)(?: an?| the)? $",
    re.I,
)
_TIME = re.compile(r"(?<![\d:.])(\d{1,2}):(\d\d)(?::\d\d)?(?!\d|:\d)")
_UNITS = {
    "ms": "s", "s": "min", "seconds": "minutes", "second": "minute", "minutes": "hours", "hours": "minutes",
    "minute": "hour", "MiB": "GiB", "Mi": "Gi", "GiB": "MiB", "GB": "MB", "MB": "GB", "%": "times", "percent": "times",
    "days": "hours", "thousand": "million",
}  # fmt: skip
_WORDS = {
    "two": "three", "three": "five", "four": "six", "five": "three", "six": "eight", "seven": "five", "eight": "six",
    "nine": "seven", "ten": "fifteen", "twelve": "eight", "fifteen": "ten", "twenty": "forty", "thirty": "fifty",
    "half": "a quarter", "quarter": "third", "third": "quarter", "thirds": "fifths", "quarters": "fifths", "twice": "four times", "doubled": "tripled",
    "tripled": "quadrupled", "quadrupled": "tripled", "halved": "cut by a third", "double": "five times",
    "dozen": "score", "tenfold": "sixfold", "fifth": "half", "sixth": "half", "hundred": "thousand",
    "thousand": "hundred", "million": "thousand",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A claim that holds, the evidence there is, and the objects in scope."""

    incident: str
    claim: Claim
    evidence: Mapping[str, Evidence]
    scope: frozenset[ObjectRef]


def cases(parts: str = "") -> list[Case]:
    """Return the claims that hold, each once; `parts` chooses incidents by the first letter of their names."""
    found: dict[tuple[str, str], Case] = {}
    for split in SPLITS:
        for line in (FOLDER / f"{split}.jsonl").read_text("utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            incident = row["id"].partition("-")[0]
            evidence = {item["id"]: piece(item) for item in row["evidence"]}
            scope = frozenset(map(ref, row["objects_in_scope"]))
            for claim, label in zip(row["answer"]["claims"], row["labels"], strict=True):
                if label != "ok" or claim["command"] or (parts and incident[0] not in parts):
                    continue
                quotes = tuple(Quote(q["evidence"], q["text"]) for q in claim["quotes"])
                made = Claim(claim["text"], quotes, tuple(map(ref, claim["objects"])))
                found.setdefault((incident, made.text), Case(incident, made, evidence, scope))
    return list(found.values())


def numbers(case: Case) -> Iterator[tuple[str, str]]:
    """Yield what is done to a number in digits, and the sentence with it."""
    text = case.claim.text
    for m in _NUMBER.finditer(text):
        value = float(re.sub("[ ,]", "", m[0]))
        digits = len(m[0].partition(".")[2])
        loose = _LOOSE.search(text[: m.start()]) is not None
        for factor in _FACTORS:
            if loose and 0.7 < factor < 1.4:
                continue
            shown = f"{value * factor:.{digits}f}"
            if factor == 0.1 and not digits:
                shown = f"{value * factor:g}"
            if float(shown) not in (0.0, value) and not (loose and abs(float(shown) - value) < 1):
                yield (
                    f"number by {abs(factor - 1):.0%}"
                    if 0.4 < factor < 1.6
                    else f"number × {factor:g}",
                    _put(text, m, shown),
                )
        plain = m[0].replace(",", "").replace(" ", "")
        for i in range(len(plain) - 1):
            swapped = plain[:i] + plain[i + 1] + plain[i] + plain[i + 2 :]
            if plain[i : i + 2].isdigit() and swapped != plain and swapped[0] != "0":
                yield "digits swapped", _put(text, m, swapped)
        unit = re.match(r" ?([A-Za-z%]+)", text[m.end() :])
        if unit and unit[1] in _UNITS:
            end = m.end() + unit.end()
            yield "other unit", f"{text[: m.end()]} {_UNITS[unit[1]]}{text[end:]}"
        cited = "\n".join(case.evidence[q.evidence].text for q in case.claim.quotes)
        others = {n[0] for n in _NUMBER.finditer(cited)} - {m[0]}
        for other in sorted(others):
            much = float(re.sub("[ ,]", "", other))
            if much and not 0.7 < much / max(value, 1e-9) < 1.4:
                yield "other number of the evidence", _put(text, m, other)


def words(case: Case) -> Iterator[tuple[str, str]]:
    """Yield a sentence with a number in words, or a time of day, replaced."""
    text = case.claim.text
    for m in re.finditer(rf"\b(?:{'|'.join(_WORDS)})\b", text, re.I):
        if re.search(r"-$|\band $", text[: m.start()]) or re.match(r"-[a-z]", text[m.end() :]):
            continue
        other = _WORDS[m[0].lower()]
        if m[0].lower() == "half":
            article = re.search(r"\ba $", text[: m.start()])
            other = (
                "quarter"
                if article
                else "a quarter of"
                if re.match(" an? ", text[m.end() :])
                else other
            )
        yield "number in words", _put(text, m, other.capitalize() if m[0][0].isupper() else other)
    for m in _TIME.finditer(text):
        for minutes in (15, 60, 180):
            at = (60 * int(m[1]) + int(m[2]) + minutes) % 1440
            shown = f"{at // 60:02d}:{at % 60:02d}{m[0][len(m[1]) + 3 :]}"
            yield "time of day", _put(text, m, shown)


def _put(text: str, found: re.Match[str], shown: str) -> str:
    return text[: found.start()] + shown + text[found.end() :]


def objects(case: Case) -> Iterator[tuple[str, Claim]]:
    """Yield a claim that names an object told of another one in scope, of which the sentence does not speak."""
    for one in case.claim.objects:
        named = re.compile(rf"(?<![\w.-]){re.escape(one.name)}(?![\w-])")
        if not named.search(case.claim.text):
            continue
        for other in sorted(case.scope):
            alike = other.kind == one.kind and other.name not in one.name
            if alike and other.name not in case.claim.text:
                told = tuple(other if o == one else o for o in case.claim.objects)
                yield (
                    "other object",
                    Claim(named.sub(other.name, case.claim.text), case.claim.quotes, told),
                )


_TELLING = re.compile(r"\b(?:was|were|had been|has been) (?:\w+ly )?\w+ed\b", re.I)


def foreign(case: Case, others: list[Case], chance: Random) -> Iterator[tuple[str, Claim]]:
    """Yield claims that tell of what happened in another incident, about this one's objects."""
    names = {o.name for o in case.scope}
    for other in chance.sample(others, len(others)):
        text = other.claim.text
        if other.incident == case.incident or re.search(r"\d", text) or not _TELLING.search(text):
            continue
        for o in other.claim.objects:
            if case.claim.objects and o.name not in names:
                text = re.sub(
                    rf"(?<![\w.-]){re.escape(o.name)}(?![\w-])", case.claim.objects[0].name, text
                )
        yield "what happened elsewhere", replace(case.claim, text=text)
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--parts", default="", help="only incidents whose name begins so, as wx")
    parser.add_argument("--show", default="", help="print what of this kind is not rejected")
    given = parser.parse_args()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    chance = Random(0)
    everything = cases()

    def note(kind: str, claim: Claim, case: Case) -> None:
        why = judge(claim, case.evidence, case.scope).why
        counts[kind][0] += bool(why)
        counts[kind][1] += 1
        if given.show and given.show in kind and bool(why) == (kind == "as it is"):
            print(f"{case.incident}: {claim.text} {[q.text for q in claim.quotes]} {why}")

    for case in cases(given.parts):
        note("as it is", case.claim, case)
        for made in (numbers, words):
            for kind, text in made(case):
                note(kind, replace(case.claim, text=text), case)
        for kind, claim in (*objects(case), *foreign(case, everything, chance)):
            note(kind, claim, case)
    print("| change | claims | rejected | share | Wilson |\n| --- | --- | --- | --- | --- |")
    for kind, (hits, count) in sorted(counts.items()):
        low, high = wilson(hits, count)
        print(f"| {kind} | {count} | {hits} | {hits / count:.3f} | {low:.3f}–{high:.3f} |")


if __name__ == "__main__":
    main()
