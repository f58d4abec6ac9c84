"""Prometheus as a source of metrics."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from connectors.api.values import Check, Series
from connectors.prometheus.checks import examine
from connectors.prometheus.failures import timed_out
from connectors.prometheus.results import text_at, to_names, to_series
from connectors.prometheus.settings import PrometheusSettings

if TYPE_CHECKING:
    from connectors.prometheus.client import Client

T = TypeVar("T")


class PrometheusMetrics:
    """Metrics of one Prometheus (or Thanos, Mimir, VictoriaMetrics: whatever speaks its API).

    Fits `MetricsSource`. The library below blocks, so each request runs in a thread; at most
    `settings.concurrency` of them at a time.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._client: Client | None = None
        self._making = threading.Lock()

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"prometheus ({self._settings.url})"

    async def query(self, expression: str, at: datetime) -> list[Series]:
        """Evaluate at one instant; each series has one point. Raises `ConnectorError`."""
        when = {"time": f"{at.timestamp():.3f}"}
        result = await self._run(lambda: self._open().query(expression, when))
        return to_series(result, expression, self._settings.url, ranged=False)

    async def query_range(
        self, expression: str, start: datetime, end: datetime, step: float
    ) -> list[Series]:
        """Evaluate every `step` seconds from `start` to `end`. Raises `ConnectorError`."""
        first, last = start.timestamp(), end.timestamp()
        result = await self._run(lambda: self._open().query_range(expression, first, last, step))
        return to_series(result, expression, self._settings.url, ranged=True)

    async def metric_names(self) -> list[str]:
        """Return the names of all metrics, sorted. Raises `ConnectorError`.

        Metrics that are no longer scraped stay on the list while Prometheus keeps their samples.
        """
        names = await self._run(lambda: self._open().metric_names())
        return to_names(names, self._settings.url)

    async def query_now(self, expression: str) -> list[Series]:
        """Evaluate at the server's own present, by its clock. Raises `ConnectorError`."""
        result = await self._run(lambda: self._open().query(expression, {}))
        return to_series(result, expression, self._settings.url, ranged=False)

    async def version(self) -> str:
        """Return the server's version, "" when it does not say. Raises `ConnectorError`."""
        return text_at(await self._run(lambda: self._open().status("buildinfo")), "version")

    async def series_count(self) -> str:
        """Return the number of series, "" when the server does not say. Raises `ConnectorError`."""
        data = await self._run(lambda: self._open().status("tsdb"))
        return text_at(data, "headStats", "numSeries")

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        return await examine(self)

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await asyncio.to_thread(self._client.close)
            self._client = None

    def _open(self) -> Client:
        """Return the client; the first call imports the library, so call it in a thread."""
        with self._making:
            if self._client is None:
                from connectors.prometheus.client import Client

                self._client = Client(self._settings)
            return self._client

    async def _run(self, ask: Callable[[], T]) -> T:
        """Run a blocking call in a thread. One that is given up ends by its socket's time-out."""
        async with self._slots:
            try:
                async with asyncio.timeout(self._settings.timeout):
                    return await asyncio.to_thread(ask)
            except TimeoutError as error:
                raise timed_out(self._settings.url, self._settings.timeout) from error
