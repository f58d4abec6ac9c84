"""The grounding check: does each claim of an answer hold against the evidence that it cites?

Purely mechanical. It knows nothing of what is true, only whether what is cited exists, whether what is quoted is
in it, whether numbers and times follow from it, and whether objects are known. A claim is verified, or
contradicted, or it is an inference: then nothing in it can be checked, and it is called so, but not sent back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from copilot.agent import commands
from copilot.agent.basis import Basis
from copilot.agent.claims import Sentences, citations, quotes
from copilot.agent.quantities import in_digits, said
from copilot.agent.quoting import contains
from copilot.agent.render import PICTURE
from copilot.agent.support import Judgement, Verdict, words
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Finding
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.redact import redact

MARK = "(unverified)"
INFERENCE = "(inference)"
"""Stands behind a sentence that cites evidence, of which nothing can be checked: it follows, or sums up."""
MIN_QUOTE = 12
"""Shorter quotes are names and words, found by chance in any text."""

_POD = re.compile(r"\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[a-f0-9]{8,10}-[a-z0-9]{5}\b")
_COMMAND = re.compile(r"^(?:\$ )?(?:kubectl|helm|incident-copilot)\s")
_OF_THE_CLUSTER = (Source.KUBERNETES, Source.EVENTS, Source.CHANGES)


@dataclass(frozen=True, slots=True)
class Known:
    """What a claim may rest on: the evidence by id, the objects that exist, where was looked."""

    evidence: Mapping[str, Evidence]
    objects: frozenset[ObjectRef] = frozenset()
    scope: Scope | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        evidence: Mapping[str, Evidence],
        objects: Iterable[ObjectRef] = (),
        scope: Scope | None = None,
        findings: Iterable[Finding] = (),
    ) -> Known:
        """Take the objects that the evidence is about as known, besides those given.

        What a finding of the engine says of its evidence, above all since when, counts as said by it.
        """
        seen = {ref for piece in evidence.values() for ref in piece.objects}
        notes: dict[str, str] = {}
        for finding in findings:
            onset = f" since {finding.onset:%H:%M:%S}" if finding.onset else ""
            for i in finding.evidence:
                notes[i] = f"{notes.get(i, '')}\n{finding.summary}{onset}"
        return cls(evidence, frozenset(seen | set(objects)), scope, notes)

    def texts(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return what each cited piece of evidence says, with its query and period."""
        return tuple(
            _full_text(self.evidence[i]) + self.notes.get(i, "") for i in ids if i in self.evidence
        )

    def knows(self, ref: ObjectRef) -> bool:
        """Whether an object exists, as far as was seen.

        Besides the objects that evidence is about, one counts that the cluster itself names in
        evidence of its namespace. A name in a log or a runbook proves nothing.
        """
        if ref in self.objects:
            return True
        name = re.compile(rf"(?<![\w.-]){re.escape(ref.name)}(?![\w.-])")
        kind = re.compile(rf"(?<!\w){re.escape(ref.kind)}s?(?!\w)", re.IGNORECASE)
        return any(
            name.search(piece.text) and kind.search(f"{piece.query}\n{piece.text}")
            for piece in self.evidence.values()
            if piece.source in _OF_THE_CLUSTER
            and (not ref.namespace or ref.namespace in f"{piece.query}\n{piece.text}")
        )

    def nearest(self, ref: ObjectRef) -> tuple[ObjectRef, ...]:
        """Return known objects of the same name, or else of the same kind, at most six."""
        same = [o for o in sorted(self.objects) if o.name == ref.name]
        return tuple((same or [o for o in sorted(self.objects) if o.kind == ref.kind])[:6])


def _full_text(piece: Evidence) -> str:
    objects = " ".join(f"{ref} {ref.name}" for ref in piece.objects)
    period = f"{piece.start:%Y-%m-%dT%H:%M:%SZ} {piece.end:%Y-%m-%dT%H:%M:%SZ}"
    return "\n".join((piece.query, piece.text, objects, period, *piece.caveats))


def problems(sentence: str, cited: Iterable[str], known: Known) -> tuple[str, ...]:
    """Return why a sentence does not hold against the evidence `cited`, () when nothing contradicts it."""
    return judgement(sentence, cited, known).why


def judgement(sentence: str, cited: Iterable[str], known: Known) -> Judgement:
    """Say whether a sentence holds against the evidence `cited`, and why not."""
    cited = tuple(cited)
    why = [f"there is no evidence {i}" for i in cited if i not in known.evidence]
    texts = known.texts(cited)
    bare = re.sub(r"\[[^\]]*\bev-[^\]]*\]", "", sentence)
    spans = [quote for quote in quotes(bare) if _checkable(quote, known)]
    held = [quote for quote in spans if _contain(texts, quote)]
    why += [
        f'the cited evidence does not contain "{quote}"' for quote in spans if quote not in held
    ]
    pods = set(_POD.findall(bare))
    why += [f"the cited evidence does not name {pod}" for pod in pods if not _contain(texts, pod)]
    why += [f"no {ref} was seen" for ref in _unseen(bare, known)]
    changes = any(known.evidence[i].source is Source.CHANGES for i in cited if i in known.evidence)
    basis = Basis.of(held, texts, known.texts(known.evidence), changes=changes)
    commanded = [line for line in quotes(bare) if _COMMAND.match(line)]
    said = words(bare, basis, recommends=bool(commanded))
    why += said.why
    why += [f"`{line}`: {reason}" for line in commanded if (reason := _refused(line, known))]
    if why:
        return Judgement(Verdict.CONTRADICTED, tuple(dict.fromkeys(why)))
    # What names an object that the evidence is about, in a word that is in it, is checked as far as it goes.
    named = pods or commanded or (not _HEDGED.search(bare) and _named(bare, texts, known))
    return Judgement(Verdict.VERIFIED) if named else said


_HEDGED = re.compile(
    r"\b(?:therefore|thus|hence|likely|probabl[ey]|presumably|suggests?|indicates?|implies|imply|may|might|could|would|"
    r"consistent with|appears?|seems?|plausibl[ey]|suspect\w*|points? to)\b",
    re.IGNORECASE,
)


_OBJECT = re.compile(
    r"\b(Deployment|StatefulSet|DaemonSet|ReplicaSet|Service|Pod|Node|ConfigMap|Secret|Job|CronJob|Ingress|"
    r"NetworkPolicy|PersistentVolumeClaim)(?:/(?:[a-z0-9-]+/)?|\s+`|\s+(?=[a-z0-9]+-))([a-z0-9][a-z0-9.-]*[a-z0-9])"
)
_NEW = re.compile(r"\b(?:create|add|apply|new|another|introduce)\b", re.IGNORECASE)


def _unseen(sentence: str, known: Known) -> list[str]:
    """Return the objects that a sentence names with their kind and that nothing names that was read."""
    if _NEW.search(sentence):
        return []
    names = {ref.name for ref in known.objects}
    texts = known.texts(known.evidence)
    return [
        f"{found[1]} {found[2]}"
        for found in _OBJECT.finditer(sentence)
        if found[2] not in names and not any(found[2] in text for text in texts)
    ]


def _named(sentence: str, texts: Iterable[str], known: Known) -> bool:
    """Whether a sentence names an object that the cited evidence names, too."""
    names = {ref.name for ref in known.objects if len(ref.name) > 2}
    whole = [
        name for name in names if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", sentence)
    ]
    return any(name in text for text in texts for name in whole)


def _refused(command: str, known: Known) -> str:
    """Return why a command must not stand in an answer, "" when it may."""
    spaces = known.scope.namespaces if known.scope else ()
    evidence = "\n".join(known.texts(known.evidence))
    return commands.problem(command, spaces, known.objects, evidence)


def _checkable(quote: str, known: Known) -> bool:
    """Whether a quoted span claims to be text of the evidence."""
    if len(quote) < MIN_QUOTE or _COMMAND.match(quote) or quote in CAUSES:
        return False
    # An object's own name in code style names the object; it quotes nothing. Pod names are
    # checked by themselves, because a wrong pod is a wrong claim.
    return not any(quote in (ref.name, str(ref)) for ref in known.objects if ref.kind != "Pod")


def _contain(texts: Iterable[str], quote: str) -> bool:
    """Whether one of the texts has what is quoted."""
    return any(contains(text, quote) for text in texts)


@dataclass(slots=True)
class TextCheck:
    """Checks a text as it is written, sentence by sentence, and marks what does not hold.

    `claims` counts the sentences that can be checked, `verified` those of them that hold, `inferred` what only
    follows or sums up; `failed` holds each contradicted sentence with its problems, for sending back.
    """

    known: Known
    claims: int = 0
    verified: int = 0
    inferred: int = 0
    uncited: int = 0
    failed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    _sentences: Sentences = field(default_factory=Sentences)
    _cited: tuple[str, ...] = ()

    def feed(self, text: str) -> str:
        """Take in text and return what is checked of it, marked."""
        return "".join(self._check(piece) for piece in self._sentences.feed(text))

    def flush(self) -> str:
        """Return the checked rest."""
        return "".join(self._check(piece) for piece in self._sentences.flush())

    def whole(self, text: str) -> str:
        """Check a whole text and return it, marked."""
        return self.feed(text) + self.flush()

    def _check(self, piece: str) -> str:
        # A picture in Markdown makes the reader's client call an address that the text chose.
        piece = redact(PICTURE.sub(r"\1", piece))
        body = piece.strip()
        if body.startswith(("```", "~~~")):
            return self._check_block(piece)
        cited = citations(body)
        self._cited = cited or self._cited
        if not body or body.startswith("#") or body.endswith((":", "?")):
            return piece
        states = any(_checkable(q, self.known) for q in quotes(body)) or any(
            number.dim != "count" for number in said(in_digits(body))
        )
        if not (cited or states):
            # "No." answers a question; what it rests on is in the sentences after it.
            self.uncited += len(body.split()) > 1
            return piece
        if not cited:
            why: tuple[str, ...] = ("it states a fact and cites no evidence",)
        else:
            found = judgement(body, cited, self.known)
            if found.verdict is Verdict.INFERRED:
                self.inferred += 1
                return _marked(piece, INFERENCE)
            why = found.why
        self.claims += 1
        return self._judge(piece, body, why)

    def _check_block(self, piece: str) -> str:
        """A fenced block quotes the evidence cited just before it, unless it is a command."""
        lines = [line.strip() for line in piece.strip().splitlines()[1:-1]]
        quoted = [line for line in lines if _checkable(line, self.known)]
        if not quoted or any(_COMMAND.match(line) for line in lines):
            return piece
        self.claims += 1
        texts = self.known.texts(self._cited or self.known.evidence)
        wrong = tuple(
            f'the cited evidence does not contain "{line}"'
            for line in quoted
            if not _contain(texts, line)
        )
        if not wrong:
            self.verified += 1
            return piece
        self.failed.append((piece.strip(), wrong))
        return f"{piece.rstrip()}\n{MARK}\n"

    def _judge(self, piece: str, body: str, wrong: tuple[str, ...]) -> str:
        if not wrong:
            self.verified += 1
            return piece
        self.failed.append((body, wrong))
        return _marked(piece, MARK)

    def footer(self) -> str:
        """Return the share of verified claims in one sentence."""
        return footer(self.claims, self.verified, self.uncited, self.inferred)


def _marked(piece: str, mark: str) -> str:
    end = len(piece.rstrip())
    return f"{piece[:end]} {mark}{piece[end:]}"


def footer(claims: int, verified: int, uncited: int, inferred: int = 0) -> str:
    """Say in one sentence how many of an answer's claims hold, and how many cannot be checked."""
    parts = []
    if claims:
        parts.append(f"{verified} of {claims} claims verified against their evidence")
    if inferred:
        parts.append(f"{inferred} {'are inferences' if inferred > 1 else 'is an inference'}")
    if not parts:
        return "No sentence of this answer cites evidence."
    if uncited:
        parts.append(f"{uncited} sentence{'s cite' if uncited > 1 else ' cites'} nothing")
    return "; ".join(parts) + "."
