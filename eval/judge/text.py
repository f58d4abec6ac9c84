"""The deterministic rubric for an answer in free words: the guide of the labelled set, by word matching.

Localization and scope ask which objects of the truth's chain are named; the mechanism is how much
of the true cause's wording comes back. It cannot see a wrong extra claim, so it gives none, and it takes a
right name in a wrong sentence for right: read its scores with its agreement with people (`eval judge --rubric` shows it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.recommendation.vectors import TokenVectors, cosine

Word = Literal["correct", "partial", "wrong", "abstained"]

SOME, WHOLE, SAME = 0.15, 0.4, 0.5
"""Shares of the cause's wording for 1 and 2 of `mechanism`, and the similarity of the nearest sentence,
by the embedded model, that 2 needs as well; chosen on the labelled set's odd ids."""

_WORD = re.compile(r"[a-z0-9][a-z0-9.%-]*")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to for and or is are was were be been it its that this with by "
        "from so as not no too because since every all one has have had which who",
    )
)
_ABSTAINS = re.compile(
    r"cannot (?:say|decide|determine|name|conclude)|inconclusive|not conclusive|"
    r"no (?:root )?cause\b|verdict: unknown|too thin for|"
    r"(?:cause|reason)\b[^.\n]{0,30}\b(?:unknown|unclear|not known|open)|not enough (?:data|evidence|information)|"
    r"insufficient (?:data|evidence)|do(?:es)? not (?:commit|know)|not (?:able|possible) to (?:tell|say|name|determine)|"
    r"without (?:a )?(?:clear )?cause",
    re.I,
)
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Pod"})
_TELLING = {
    "HorizontalPodAutoscaler": r"\bHPA\b|autoscaler",
    "MutatingWebhookConfiguration": r"webhook",
    "NetworkPolicy": r"network ?polic",
    "PersistentVolumeClaim": r"\bpvc\b|volume claim|persistentvolumeclaim",
    "ResourceQuota": r"quota",
    "ValidatingWebhookConfiguration": r"webhook",
}
"""Kinds of which a namespace has few: to name the kind is to name the object."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The guide's fields: 0 to 2 each, and the verdict that follows from them."""

    localization: int
    mechanism: int
    scope: int
    verdict: Word


class TextRubric:
    """Judges answers against truths. The same answer always gets the same labels."""

    def __init__(self) -> None:
        self._vectors = TokenVectors()

    def judge(self, truth: Mapping[str, Any], answer: str) -> Labels:
        """Return the labels of one answer; `truth` has `objects`, `cause` and `chain`."""
        far = scope(truth["objects"], truth["chain"], answer)
        if _ABSTAINS.search(answer):
            return Labels(0, 0, far, "abstained")
        place = localization(truth["objects"], truth["chain"], answer)
        why = self.mechanism(truth["cause"], answer)
        return Labels(place, why, far, verdict(place, why))

    def mechanism(self, cause: str, answer: str) -> int:
        """Say how much of the cause is told: 2 for most of it, 1 for a part."""
        share = overlap(cause, answer)
        if share >= WHOLE and self.nearest(cause, answer) >= SAME:
            return 2
        return int(share >= SOME)

    def nearest(self, cause: str, answer: str) -> float:
        """Return the similarity of the cause with the nearest part of the answer."""
        right = self._vectors.of(cause).whole
        parts = [part for part in _SENTENCE.split(answer) if part.strip()]
        pairs = [" ".join(parts[at : at + 2]) for at in range(len(parts))]
        return max((cosine(self._vectors.of(p).whole, right) for p in {*parts, *pairs}), default=0)


def localization(objects: Sequence[str], chain: Sequence[str], answer: str) -> int:
    """Say whether the right object is named (2), or one beside it (1)."""
    others = [item for item in chain if item not in objects]
    taken = {_name(item) for item in others}
    for item in objects:
        kind, name = item.split("/")[0], _name(item)
        if kind in _TELLING and _kind_said(kind, answer):
            return 2
        if not _named(name, answer):
            continue
        # A Service or a ConfigMap may share its name with a workload: then the kind must be said.
        if kind in _WORKLOADS or name not in taken or _kind_said(kind, answer):
            return 2
        return 1
    near = {*taken, *(_name(item).split("-")[0] for item in objects)}
    return int(any(_named(name, answer) for name in near if len(name) > 2))


def scope(objects: Sequence[str], chain: Sequence[str], answer: str) -> int:
    """Say whether the end of the chain that users see is named (2), or a part of it (1)."""
    names = [_name(item) for item in chain]
    if not names:
        return 0
    if _named(names[-1], answer) and (len(names) > 1):
        return 2
    return int(any(_named(name, answer) for name in names))


def overlap(cause: str, answer: str) -> float:
    """Return the share of the cause's content words that the answer has, by their first letters."""
    wanted, said = _stems(cause), _stems(answer)
    return len(wanted & said) / len(wanted) if wanted else 0.0


def verdict(place: int, why: int) -> Word:
    """Return what the guide makes of the fields of an answer that commits itself."""
    if place == 2 and why == 2:
        return "correct"
    return "wrong" if place == 0 or (place == 1 and why == 0) else "partial"


def _name(item: str) -> str:
    return item.rpartition("/")[2].rpartition(" ")[2].lower()


def _named(name: str, answer: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w]|-\w)", answer.lower()) is not None


def _kind_said(kind: str, answer: str) -> bool:
    words = _TELLING.get(kind, re.sub(r"(?<=[a-z])(?=[A-Z])", " ?", kind))
    return re.search(words, answer, re.I) is not None


def _stems(text: str) -> set[str]:
    words = (word.strip(".-%") for word in _WORD.findall(text.lower()))
    return {word.removesuffix("s")[:5] for word in words if word and word not in _STOP}
