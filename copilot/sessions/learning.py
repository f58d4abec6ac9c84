"""What an investigation leaves in the team's memory: log templates, and who calls whom.

Documents are made of what was read anyway, after the answer: a template with an example each and the past incidents in
whose text it stands, and a service with the paths that lead to it. Raw log lines are never kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from copilot.evidence.case import Case
from copilot.model.scope import ObjectRef
from copilot.tools.redact import redact
from retrieval.derived_documents import (
    CallEdge,
    Meaning,
    SeenTemplate,
    service_documents,
    template_document,
)
from retrieval.documents import Document
from retrieval.indexes.words import terms
from retrieval.logs.miner import Miner, Template
from retrieval.values import BuiltIn, DocumentKind

if TYPE_CHECKING:
    from retrieval.knowledge import KnowledgeIndex

PER_SERVICE, TEMPLATES, SERVICES, LINES = 10, 60, 60, 4000
"""At most so many templates of a service and of all, services, and log lines looked at for each service."""

_TROUBLE = re.compile(
    r"\b(err(or)?s?|fail(ed|ure|ing)?|fatal|panic|exception|traceback|refused|denied|timed? ?out|timeout|unable"
    r"|cannot|could not|lost|unreachable|oom|killed|warn(ing)?|critical|aborted|exhausted|corrupt(ed)?|expired)\b",
    re.IGNORECASE,
)
_LEAST_TERMS, _COVERED, _INCIDENTS = 3, 0.8, 3


def documents_of(case: Case, index: KnowledgeIndex | None = None) -> list[Document]:
    """Return what an investigation taught; with an index templates are linked to its past incidents."""
    place = case.snapshot.scope.cluster
    seen = sorted(_templates(case), key=lambda one: -one.count)[:TEMPLATES]
    linked = (_linked(one, index) if index is not None else one for one in seen)
    services = service_documents(_edges(case), place=place)[:SERVICES]
    return [*(template_document(one, place=place) for one in linked), *services]


def _templates(case: Case) -> Iterator[SeenTemplate]:
    """Yield the templates of trouble, per service the most frequent."""
    miners: dict[str, Miner] = {}
    read: Counter[str] = Counter()
    for log in case.snapshot.logs:
        pod = case.snapshot.get(ObjectRef("Pod", log.namespace, log.pod))
        service = case.snapshot.controller(pod).name if pod is not None else log.pod
        miner = miners.setdefault(service, Miner(max_templates=1024))
        for line in log.lines[-max(0, LINES - read[service]) :]:
            miner.add(redact(line.text[:500]))
        read[service] += len(log.lines)
    for service, miner in sorted(miners.items()):
        telling = [one for one in miner if _telling(one)]
        for one in sorted(telling, key=lambda one: (-one.count, one.id))[:PER_SERVICE]:
            yield SeenTemplate(service, one.text, one.count, (one.example,) if one.example else ())


def _telling(one: Template) -> bool:
    return bool(_TROUBLE.search(one.text)) and len(_words(one.text)) >= _LEAST_TERMS


def _words(template: str) -> set[str]:
    return {term for term in terms(template.replace("<*>", " ")) if not term.isdigit()}


def _linked(one: SeenTemplate, index: KnowledgeIndex) -> SeenTemplate:
    """Link a template to the past incidents that have nearly all of its words in one line."""
    wanted = _words(one.text)
    hits = index.search_now(
        one.text.replace("<*>", " "),
        kind=DocumentKind.INCIDENT,
        limit=_INCIDENTS,
        builtin=BuiltIn.NEVER,
    )
    meant = [
        Meaning(
            hit.metadata.get("id", hit.title),
            hit.title,
            hit.metadata.get("date", ""),
            hit.metadata.get("cause", ""),
            hit.metadata.get("fix", ""),
        )
        for hit in hits
        if _said(wanted, index.text(hit.document).splitlines())
    ]
    return SeenTemplate(one.service, one.text, one.count, one.examples, tuple(meant))


def _said(wanted: set[str], lines: Iterable[str]) -> bool:
    return any(len(wanted & set(terms(line))) >= _COVERED * len(wanted) for line in lines)


def _edges(case: Case) -> Sequence[CallEdge]:
    """Return the calls between workloads, with what was measured of each where it was."""
    measured = {(flow.caller, flow.service): flow for flow in case.snapshot.telemetry.edges()}
    found: dict[tuple[str, str], CallEdge] = {}
    for edge in case.topology.edges:
        pair = (edge.caller.name, edge.callee.name)
        flow = measured.get(pair)
        mean = 1000 * flow.latency.now if flow and flow.latency else 0.0
        failing = flow.errors.now if flow else 0.0
        found[pair] = CallEdge(*pair, calls=0, error_share=failing, p50_ms=mean)
    return [edge for pair, edge in sorted(found.items()) if pair[0] != pair[1]]
