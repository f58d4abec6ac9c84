"""PagerDuty's resolved incidents as documents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from connectors.api.errors import SourceMissing
from connectors.api.values import Alert, Check, Documents, RemoteDocument
from connectors.pagerduty.source import PagerDutyIncidents


class PagerDutyHistory:
    """Past incidents of one account with what people noted. Fits `DocumentSource`.

    `now` tells the time; incidents of the last `days` before it are read, without those that
    resolved without a note or a description: they teach nothing.
    """

    def __init__(
        self, source: PagerDutyIncidents, now: Callable[[], datetime], days: int = 180
    ) -> None:
        self._source = source
        self._now = now
        self._days = days

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"{self._source.name} history"

    async def documents(self) -> Documents:
        """Return the incidents as Markdown. Raises `ConnectorError`."""
        now = self._now()
        past = await self._source.resolved(now - timedelta(days=self._days), now)
        read = await asyncio.gather(*(self._document(alert) for alert in past))
        empty = sum(document is None for document in read)
        skipped = ((f"{empty} incidents", "no notes and no description"),) if empty else ()
        return Documents(tuple(each for each in read if each is not None), skipped)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        return await self._source.check()

    async def close(self) -> None:
        """Release connections."""
        await self._source.close()

    async def _document(self, alert: Alert) -> RemoteDocument | None:
        try:
            notes = await self._source.notes(alert.fingerprint)
        except SourceMissing:  # deleted meanwhile
            notes = []
        words = [alert.annotations.get(key, "") for key in ("description", "details")]
        words = [text for text in dict.fromkeys(words) if text and text != alert.name]
        if not notes and not words:
            return None
        parts = [f"# {alert.name}", *words]
        if notes:
            parts += ["## Notes", *notes]
        known = {
            "id": alert.fingerprint,
            "title": alert.name,
            "kind": "incident",
            "date": alert.since.date().isoformat(),
            "severity": alert.labels.get("priority") or alert.labels.get("urgency", ""),
            "services": alert.labels.get("service", ""),
            "url": alert.url,
        }
        metadata = {name: value for name, value in known.items() if value}
        return RemoteDocument(f"{alert.fingerprint}.md", "\n\n".join(parts), "incident", metadata)
