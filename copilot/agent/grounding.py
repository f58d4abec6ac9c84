"""The grounding check: does each claim of an answer hold against the evidence that it cites?

Purely mechanical. It knows nothing of what is true, only whether what is cited exists, whether
what is quoted is in it, whether numbers and times are in it, and whether objects are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from copilot.agent import commands
from copilot.agent.claims import Sentences, citations, quotes
from copilot.agent.concepts import foreign
from copilot.agent.quantities import claimed
from copilot.agent.render import PICTURE
from copilot.agent.support import contains, numbers
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Finding
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.redact import redact

MARK = "(unverified)"
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
    """Return why a sentence does not hold against the evidence `cited`, () when it does."""
    cited = tuple(cited)
    found = [f"there is no evidence {i}" for i in cited if i not in known.evidence]
    texts = known.texts(cited)
    source = "\n".join(texts)
    bare = re.sub(r"\[[^\]]*\bev-[^\]]*\]", "", sentence)
    for quote in quotes(bare):
        if _checkable(quote, known) and not _contain(texts, quote):
            found.append(f'the cited evidence does not contain "{quote}"')
    for pod in set(_POD.findall(bare)):
        if pod not in source:
            found.append(f"the cited evidence does not name {pod}")
    said = [q for q in quotes(bare) if _checkable(q, known) and _contain(texts, q)]
    found += numbers(bare, source, quoted="\n".join(said))
    if away := foreign(bare, source):
        everything = "\n".join(known.texts(known.evidence))
        # What the cited evidence does not tell, other evidence may: then it is recorded, and not invented.
        away = [what for what in away if what in foreign(bare, everything)]
    found += [f"no evidence tells of {what}" for what in away]
    found += [
        f"`{line}`: {why}"
        for line in quotes(bare)
        if _COMMAND.match(line) and (why := _refused(line, known))
    ]
    return tuple(dict.fromkeys(found))


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

    `failed` holds each failing sentence with its problems, for sending back.
    """

    known: Known
    claims: int = 0
    verified: int = 0
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
            quantity.family for quantity in claimed(body)
        )
        if not (cited or states):
            self.uncited += 1
            return piece
        self.claims += 1
        wrong = problems(body, cited, self.known)
        if not cited:
            wrong = ("it states a fact and cites no evidence",)
        return self._judge(piece, body, wrong)

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
        end = len(piece.rstrip())
        return f"{piece[:end]} {MARK}{piece[end:]}"

    def footer(self) -> str:
        """Return the share of verified claims in one sentence."""
        return footer(self.claims, self.verified, self.uncited)


def footer(claims: int, verified: int, uncited: int) -> str:
    """Say in one sentence how many of an answer's claims hold."""
    if not claims:
        return "No sentence of this answer cites evidence."
    text = f"{verified} of {claims} claims verified against their evidence"
    if uncited:
        text += f"; {uncited} sentence{'s cite' if uncited > 1 else ' cites'} nothing"
    return text + "."
