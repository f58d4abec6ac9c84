"""get_events: what the cluster's controllers complained about."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from connectors.api.values import Json
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef
from copilot.tools.context import Context, Draft, kubectl
from copilot.tools.kube_words import ago, created, instant
from copilot.tools.registry import tool

# Generated parts of names and messages, so that the same complaint of several pods is one line.
_GENERATED = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|-[a-z0-9]{8,10}-[a-z0-9]{5}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b"
)


_NORMAL = 10


@dataclass(frozen=True, slots=True)
class Happening:
    """One event object: what was said about which object, how often, and when."""

    warning: bool
    reason: str
    object: ObjectRef
    message: str
    count: int
    first: datetime | None
    last: datetime | None


def happening(event: Json) -> Happening:
    """Read an event of either API generation."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    series = event.get("series") or {}
    first = instant(event.get("firstTimestamp")) or instant(event.get("eventTime"))
    last = instant(series.get("lastObservedTime")) or instant(event.get("lastTimestamp")) or first
    return Happening(
        warning=event.get("type") == "Warning",
        reason=str(event.get("reason", "")),
        object=ObjectRef(
            str(about.get("kind", "")), str(about.get("namespace", "")), str(about.get("name", ""))
        ),
        message=" ".join(str(event.get("message") or event.get("note") or "").split()),
        count=int(series.get("count") or event.get("count") or 1),
        first=first or created(event),
        last=last or created(event),
    )


@tool
async def get_events(
    context: Context,
    namespace: Annotated[str, "Namespace; empty for all of the investigation's"] = "",
    object: Annotated[str, "Only events about objects whose name starts with this"] = "",
    since_minutes: Annotated[int, "Only the last N minutes; 0 for all that are kept"] = 0,
    warnings_only: Annotated[bool, "Leave out events of type Normal"] = False,
) -> Draft:
    """Kubernetes events grouped by reason and message, warnings first, with counts and times.

    Shows what schedulers, kubelets and controllers complained about: failed scheduling, image
    pulls, probes, mounts, quotas, back-offs. The cluster keeps events for about an hour only.
    """
    spaces = context.namespaces(namespace)
    now = context.now
    found = [happening(item) for space in spaces for item in await context.list("Event", space)]
    wanted = object.strip().rpartition("/")[2]
    since = now - timedelta(minutes=since_minutes) if since_minutes > 0 else None
    kept = [
        item
        for item in found
        if item.object.name.startswith(wanted)
        and (item.warning or not warnings_only)
        and (since is None or (item.last is not None and item.last >= since))
    ]
    query = kubectl(spaces, "get events --sort-by=.lastTimestamp")
    if not kept:
        return Draft(Source.EVENTS, query, _nothing(found, wanted, since_minutes, spaces))
    lines = grouped(kept, now)
    warnings = sum(line.startswith("Warning") for line in lines)
    if len(lines) > warnings + _NORMAL:
        rest = len(lines) - warnings - _NORMAL
        lines = [*lines[: warnings + _NORMAL], f"… and {rest} more kinds of Normal events"]
    raw = "\n".join(_plain(item) for item in sorted(kept, key=_last, reverse=True))
    objects = tuple(dict.fromkeys(item.object for item in kept if item.warning))
    return Draft(
        Source.EVENTS,
        query,
        "\n".join(lines),
        raw=raw,
        excerpt=lines[0],
        objects=objects[:20],
        start=min((item.first for item in kept if item.first), default=None),
        end=now,
    )


def grouped(happenings: list[Happening], now: datetime) -> list[str]:
    """Return one line per complaint, warnings first, then the latest."""
    groups: dict[tuple[bool, str, str, str], list[Happening]] = defaultdict(list)
    for item in happenings:
        subject = _GENERATED.sub("-…", item.object.name)
        message = _GENERATED.sub("…", item.message)
        groups[(not item.warning, item.reason, f"{item.object.kind}/{subject}", message)].append(
            item
        )
    ordered = sorted(groups.items(), key=lambda pair: (pair[0][0], -_last(max(pair[1], key=_last))))
    lines = []
    for (normal, reason, _, _), items in ordered:
        latest = max(items, key=_last)
        names = sorted({f"{item.object.kind}/{item.object.name}" for item in items})
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        count = sum(item.count for item in items)
        first = min((item.first for item in items if item.first), default=None)
        when = f"{count}×, first {ago(first, now)} ago, last {ago(latest.last, now)} ago"
        kind = "Normal " if normal else "Warning"
        lines.append(f"{kind} {reason} {names[0]}{more} ({when}): {latest.message[:500]}")
    return lines


def _last(item: Happening) -> float:
    return item.last.timestamp() if item.last else 0.0


def _plain(item: Happening) -> str:
    when = item.last.isoformat() if item.last else "?"
    kind = "Warning" if item.warning else "Normal"
    return f"{when} {kind} {item.reason} {item.object} ×{item.count}: {item.message}"


def _nothing(found: list[Happening], wanted: str, minutes: int, spaces: tuple[str, ...]) -> str:
    text = f"No matching events in namespace {', '.join(spaces)}"
    text += f" about objects named {wanted}…" if wanted else ""
    text += f" in the last {minutes} minutes" if minutes > 0 else ""
    warnings = sum(item.warning for item in found)
    return f"{text}. The cluster keeps {len(found)} events there, {warnings} of them warnings."
