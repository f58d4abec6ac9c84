"""Documents made of telemetry: what a log template meant before, and how services depend on each other.

They are found like runbooks, by words and by meaning. Made again from the same values they are the same documents,
so that storing them again changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.documents import Document, digest
from retrieval.values import DocumentKind

TEMPLATES, TRACES = "logs/", "traces/"
"""What the paths of these documents begin with."""

_EXAMPLES, _MEANINGS, _PATHS, _CALLS = 3, 8, 12, 30
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Meaning:
    """A past incident in which a template was seen."""

    incident: str
    title: str
    date: str = ""
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class SeenTemplate:
    """A log template of one service: `<*>` stands for what varies. `count` is how many lines it had."""

    service: str
    text: str
    count: int = 0
    examples: tuple[str, ...] = ()
    meant: tuple[Meaning, ...] = ()


@dataclass(frozen=True, slots=True)
class CallEdge:
    """How one service calls another: calls, the share that failed (0 to 1), milliseconds."""

    caller: str
    callee: str
    calls: int
    error_share: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ExamplePath:
    """One request's way through the services, the slowest or failing one; `trace` is its id."""

    services: tuple[str, ...]
    trace: str
    milliseconds: float
    error: str = ""
    incidents: tuple[str, ...] = ()


def template_document(seen: SeenTemplate, *, place: str = "") -> Document:
    """Return the document of a template: its text, examples, and what it meant before.

    `place` is where the service runs, such as a cluster, if there is more than one. Counts are left out: they change with every line, and nobody searches for them.
    """
    path = f"{TEMPLATES}{_under(place)}{seen.service}/{_slug(seen.text)}"
    parts = [f"Log lines of {seen.service}:\n\n```\n{seen.text[:_LONGEST]}\n```"]
    if seen.examples:
        lines = "\n".join(each[:_LONGEST] for each in seen.examples[:_EXAMPLES])
        parts.append(f"## Examples\n\n```\n{lines}\n```")
    if seen.meant:
        told = "\n".join(f"- {_meaning(each)}" for each in seen.meant[:_MEANINGS])
        parts.append(f"## Seen before, and then it meant\n\n{told}")
    title = f"{seen.service}: {seen.text}"[:160]
    known = {"services": seen.service, "source": "logs"}
    if seen.meant:
        known["incidents"] = ", ".join(each.incident for each in seen.meant)
    return Document(path, path, DocumentKind.TELEMETRY, title, "\n\n".join(parts), known)


def service_documents(
    edges: Sequence[CallEdge], paths: Sequence[ExamplePath] = (), *, place: str = ""
) -> list[Document]:
    """Return one document per service: whom it calls, who calls it, and what breaks when it is slow."""
    names = sorted({name for edge in edges for name in (edge.caller, edge.callee)})
    return [_service(name, edges, paths, place) for name in names]


def dependents(service: str, edges: Sequence[CallEdge]) -> list[tuple[str, ...]]:
    """Return the paths that lead to a service, from the furthest caller: all of them break with it.

    Shortest first; a service occurs once in a path.
    """
    callers: dict[str, list[str]] = {}
    for edge in sorted(edges, key=lambda edge: (edge.caller, edge.callee)):
        callers.setdefault(edge.callee, []).append(edge.caller)
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [(service,)]
    while waiting and len(found) < _PATHS:
        path = waiting.pop(0)
        before = [name for name in callers.get(path[0], ()) if name not in path]
        waiting += [(name, *path) for name in before]
        if not before and len(path) > 1:
            found.append(path)
    return found


def _service(
    name: str, edges: Sequence[CallEdge], paths: Sequence[ExamplePath], place: str
) -> Document:
    out = sorted((e for e in edges if e.caller == name), key=lambda e: e.callee)[:_CALLS]
    into = sorted((e for e in edges if e.callee == name), key=lambda e: e.caller)[:_CALLS]
    parts = []
    broken = dependents(name, edges)
    if broken:
        lines = "\n".join(f"- {' → '.join(path)}" for path in broken)
        parts.append(
            f"## Which paths break when {name} is slow or fails\n\n{name} is at the end of:\n\n{lines}"
        )
    if into:
        parts.append(f"## Who calls {name}\n\n" + "\n".join(f"- {_call(e)}" for e in into))
    if out:
        parts.append(f"## Whom {name} calls\n\n" + "\n".join(f"- {_call(e)}" for e in out))
    mine = [path for path in paths if name in path.services][:_PATHS]
    if mine:
        parts.append("## Examples\n\n" + "\n".join(f"- {_example(path)}" for path in mine))
    known = {"services": name, "source": "traces"}
    incidents = dict.fromkeys(id for path in mine for id in path.incidents)
    if incidents:
        known["incidents"] = ", ".join(incidents)
    path = f"{TRACES}{_under(place)}{name}"
    return Document(
        path, path, DocumentKind.TELEMETRY, f"Dependencies of {name}", "\n\n".join(parts), known
    )


def _call(edge: CallEdge) -> str:
    told = [
        f"{name} about {_rough(value):g} ms"
        for name, value in (("p50", edge.p50_ms), ("p95", edge.p95_ms))
        if value > 0
    ]
    share = _rough(100 * edge.error_share)
    if share >= 1:
        told.append(f"about {share:g} % of calls fail")
    return f"{edge.caller} → {edge.callee}" + (f": {', '.join(told)}" if told else "")


def _rough(value: float) -> float:
    """Return the nearest of 1, 3, 10, 30, …: a profile that is nearly the same is the same document."""
    return 0.0 if value <= 0 else float(f"{10 ** (round(2 * math.log10(value)) / 2):.1g}")


def _example(path: ExamplePath) -> str:
    failed = f", failed: {path.error[:_LONGEST]}" if path.error else ""
    known = f" (in {', '.join(path.incidents)})" if path.incidents else ""
    way = " → ".join(path.services)
    return f"{way}: {path.milliseconds:.2g} ms{failed}, trace {path.trace}{known}"


def _meaning(each: Meaning) -> str:
    when = f" ({each.date})" if each.date else ""
    cause = f": {each.cause}" if each.cause else ""
    fix = f"; fixed by: {each.fix}" if each.fix else ""
    return f"{each.incident}{when} {each.title}{cause}{fix}"


def _under(place: str) -> str:
    return f"{place}/" if place else ""


def _slug(text: str) -> str:
    return digest("template", text)[:16]


def known_incidents(metadata: Mapping[str, str]) -> list[str]:
    """Return the incidents that a document of this module is linked to."""
    return [name for name in metadata.get("incidents", "").split(", ") if name]
