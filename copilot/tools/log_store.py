"""What a store of log lines adds to the cluster's own logs: pods that are gone, and older lines."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.api.errors import ConnectorError
from connectors.api.values import LogLine as StoredLine
from connectors.api.values import LogSelector
from copilot.tools.context import Context
from copilot.tools.log_summary import LogLine, plain
from copilot.tools.redact import redact_keys

STORED = 5000
"""How many lines of a store one call reads."""
_SLACK = timedelta(minutes=1)


def read_lines(lines: Sequence[StoredLine], service: str, note: str = "") -> list[LogLine]:
    """Return a store's lines as the cluster's are read; `note` goes behind the pods' names."""
    by_pod: dict[str, list[StoredLine]] = defaultdict(list)
    for line in lines:
        by_pod[line.labels.get("pod") or service].append(line)
    found = []
    for pod, own in by_pod.items():
        # Before lines are taken apart: a private key cannot be told by one of its lines.
        texts = redact_keys("\n".join(" ".join(line.text.splitlines()) for line in own)).split("\n")
        found += [
            LogLine(f"{pod}{note}", line.time, plain(text))
            for line, text in zip(own, texts, strict=True)
        ]
    return found


async def older(
    context: Context,
    namespace: str,
    service: str,
    container: str,
    start: datetime,
    known: Sequence[LogLine],
) -> tuple[list[LogLine], str]:
    """Return what the store has from `start` on that the cluster no longer gives, and a caveat or "".

    The store is asked only where the cluster's own lines begin later than that.
    """
    store = context.sources.logs
    if store is None:
        return [], ""
    first: dict[str, datetime] = {}
    for line in known:
        pod = line.origin.partition("/")[0].partition(" ")[0]
        if line.time is not None:
            first[pod] = min(first.get(pod, line.time), line.time)
    if first and min(first.values()) <= start + _SLACK:
        return [], ""
    selector = LogSelector(namespace=namespace, service=service, container=container)
    try:
        asked = store.lines(selector, start, context.now, limit=STORED)
        page = await context.within(asked, store.name, 0.3)
    except ConnectorError as error:
        return [], f"lines of gone pods, and older ones, were not read: {error}"
    lines = [
        line
        for line in page.lines
        if (pod := line.labels.get("pod") or "") not in first or line.time < first[pod]
    ]
    found = await asyncio.to_thread(read_lines, lines, service, f" (from {store.name})")
    cut = f"only the newest {STORED} lines of {store.name} were read" if page.truncated else ""
    return found, "; ".join(filter(None, (page.caveat, cut)))
