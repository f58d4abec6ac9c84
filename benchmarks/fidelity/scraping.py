"""Tells a Prometheus which pods to scrape, as a file that its `file_sd_configs` reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from connectors.api.errors import ConnectorError
from connectors.api.protocols import ClusterReader

_EVERY_SECONDS = 5.0
_ASKED = "prometheus.io/scrape"


@contextlib.asynccontextmanager
async def scraped(
    reader: ClusterReader, namespaces: Sequence[str], file: Path | None
) -> AsyncIterator[None]:
    """Keep `file` up to date with the annotated pods while the block runs; None does nothing."""
    if file is None:
        yield
        return
    await _write(reader, namespaces, file)
    task = asyncio.create_task(_keep(reader, namespaces, file))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(reader: ClusterReader, namespaces: Sequence[str], file: Path) -> None:
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        with contextlib.suppress(ConnectorError):  # the next turn reads again
            await _write(reader, namespaces, file)


async def _write(reader: ClusterReader, namespaces: Sequence[str], file: Path) -> None:
    targets = []
    for namespace in namespaces:
        for pod in await reader.list("Pod", namespace):
            metadata, address = pod["metadata"], (pod.get("status") or {}).get("podIP")
            notes = metadata.get("annotations") or {}
            if not address or notes.get(_ASKED) != "true" or metadata.get("deletionTimestamp"):
                continue
            labels = {"namespace": namespace, "pod": metadata["name"]}
            port = notes["prometheus.io/port"]
            targets.append({"targets": [f"{address}:{port}"], "labels": labels})
    text = json.dumps(targets)
    fresh = file.with_suffix(".new")
    await asyncio.to_thread(fresh.write_text, text, "utf-8")
    await asyncio.to_thread(fresh.replace, file)
