"""get_alerts: what the alerting rules say, from everything that knows of alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

from connectors.api.errors import ConnectorError
from connectors.api.protocols import AlertSource
from copilot.model.errors import NotAvailable
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft
from copilot.tools.kube_words import ago
from copilot.tools.metric_families import in_scope
from copilot.tools.registry import tool
from copilot.tools.series import label_text

_EXPRESSION = 'ALERTS{alertstate=~"firing|pending"}'
_SHOWN = ("summary", "description", "message", "runbook_url")
Row = tuple[str, tuple[tuple[str, str], ...], str]
"""Name, labels, and the line that is shown."""


@tool
async def get_alerts(context: Context) -> Draft:
    """Alerts that are pending or firing now: from the metrics store's own rules and from the alert
    managers, with labels, since when, and what their authors wrote about them.
    """
    asked: list[Awaitable[list[Row]]] = []
    names: list[str] = []
    if context.sources.metrics is not None:
        asked.append(context.within(_from_metrics(context), "Prometheus", 0.8))
        names.append("Prometheus' ALERTS")
    for source in context.sources.alerts:
        asked.append(context.within(_from_source(context, source), source.name, 0.8))
        names.append(source.name)
    if not asked:
        raise NotAvailable(
            "No source of alerts is configured (settings: prometheus.url, alertmanager.url)."
        )
    answers = await asyncio.gather(*asked, return_exceptions=True)
    caveats: list[str] = []
    rows: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, ConnectorError):
            if len(answers) == 1:
                raise answer
            caveats.append(f"{name} did not answer: {answer}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            # Who has more to say about the same alert, says it.
            for alert, labels, line in answer:
                if len(line) > len(rows.get((alert, labels), "")):
                    rows[alert, labels] = line
    if len(caveats) == len(answers):
        raise NotAvailable("No source of alerts answered: " + "; ".join(caveats))
    where = ", ".join(context.scope.namespaces)
    heard = [name for name in names if not any(text.startswith(name) for text in caveats)]
    text = "\n".join(sorted(rows.values()))
    text = text or f"No alert is pending or firing for {where} ({', '.join(heard)})."
    end = context.scope.window.end
    return Draft(Source.ALERTS, _EXPRESSION, text, caveats=tuple(caveats), start=end, end=end)


async def _from_metrics(context: Context) -> list[Row]:
    end = context.scope.window.end
    found, since = await asyncio.gather(
        context.metrics.query(_EXPRESSION, end), context.metrics.query("ALERTS_FOR_STATE", end)
    )
    started = {_key(one.labels): one.points[-1][1] for one in since if one.points}
    rows = []
    for one in found:
        if not in_scope(one.labels, context.scope.namespaces):
            continue
        labels = dict(one.labels)
        begun = started.get(_key(labels))
        name, state = labels.pop("alertname", "?"), labels.pop("alertstate", "?")
        labels.pop("__name__", None)
        moment = None if begun is None else datetime.fromtimestamp(begun, UTC)
        rows.append(_row(name, state, labels, moment, end))
    return rows


async def _from_source(context: Context, source: AlertSource) -> list[Row]:
    end = context.scope.window.end
    rows = []
    for one in await source.alerts(end):
        if one.state == "resolved" or not in_scope(dict(one.labels), context.scope.namespaces):
            continue
        labels = {k: v for k, v in one.labels.items() if k not in ("alertname", "__name__")}
        said = "; ".join(str(one.annotations[key]) for key in _SHOWN if one.annotations.get(key))
        rows.append(_row(one.name, one.state, labels, one.since, end, said))
    return rows


def _row(
    name: str,
    state: str,
    labels: dict[str, str],
    since: datetime | None,
    end: datetime,
    said: str = "",
) -> Row:
    when = f" since {since:%H:%M:%S} ({ago(since, end)})" if since else ""
    line = f"{state.upper()} {name}{when}: {label_text(labels)}"
    return name, tuple(sorted(labels.items())), f"{line} — {said}" if said else line


def _key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in labels.items() if k not in ("__name__", "alertstate")))
