"""Removes the twins that nobody holds any more."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from connectors.api.protocols import ClusterReader, ClusterWriter
from eval.environments.kube import ownership


async def sweep(
    kubeconfig: Path | None, context: str, image: str, *, everything: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Remove dead and detached twins, with `everything` those in use too.

    Return the namespaces of the removed ones, and the kept ones with their holders. Raises
    `ConnectorError` when the cluster cannot be reached, `ownership.StillThere`.
    """
    from connectors.kubernetes.reader import open_reader
    from connectors.kubernetes.settings import KubernetesSettings
    from connectors.kubernetes.writer import open_writer

    settings = KubernetesSettings(kubeconfig, context, timeout=30, user_agent="kubectl")
    reader, writer = await open_reader(settings), await open_writer(settings)
    removed: list[str] = []
    kept: dict[str, str] = {}
    try:
        for holding in await ownership.holdings(reader):
            if holding.alive and holding.holder and not everything:
                kept[holding.namespace] = holding.holder
            else:
                removed.append(holding.namespace)
        await asyncio.gather(*(forget(reader, writer, name, image) for name in removed))
    finally:
        await reader.close()
        await writer.close()
    return removed, kept


async def sweep_dead(reader: ClusterReader, writer: ClusterWriter, image: str) -> None:
    """Remove the twins whose process died."""
    dead = [one.namespace for one in await ownership.holdings(reader) if not one.alive]
    await asyncio.gather(*(forget(reader, writer, name, image) for name in dead))


async def forget(reader: ClusterReader, writer: ClusterWriter, namespace: str, image: str) -> None:
    """Remove a twin from its cluster, and its kubeconfig from this machine."""
    await ownership.remove(reader, writer, namespace, image)
    await asyncio.to_thread(_forget_here, namespace)


def _forget_here(namespace: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix(namespace)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def prefix(namespace: str) -> str:
    """How the names of a twin's folders on this machine begin."""
    return f"cluster-{namespace}-"
