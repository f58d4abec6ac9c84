"""Helm's releases as changes, from the Secrets in which Helm keeps them.

Release Secrets hold the values of every release, passwords among them: they are read only where a
team switches this on, with a credential of its own, and decoded in memory. Of the values only what
differs between two revisions is kept, each through the `mask` that it is made with.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.api.errors import ConnectorError, SourceForbidden
from connectors.api.values import Check, Delivery, Json
from connectors.kubernetes.client import Connection, connect
from connectors.kubernetes.settings import KubernetesSettings

Mask = Callable[[str, str], str]
"""Returns how the value of a key may be shown: (key, value) to text."""

_SELECTOR = {"labelSelector": "owner=helm", "fieldSelector": "type=helm.sh/release.v1"}
_PAGE = "50"
_DECODED = 32 * 2**20
_DIFFERENCES = 12
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class _Release:
    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    description: str
    deployed: datetime
    values: Mapping[str, Any]


class HelmReleases:
    """The releases of one cluster. Fits `ChangeSource`."""

    def __init__(self, settings: KubernetesSettings, mask: Mask) -> None:
        self._settings = settings
        self._mask = mask
        self._making = asyncio.Lock()
        self._connection: Connection | None = None

    @property
    def name(self) -> str:
        """The kind and the context whose credential is used."""
        return f"helm (context {self._settings.context or 'current'})"

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return the revisions deployed in [start, end), the newest first.

        Revisions that cannot be decoded are left out.
        """
        found: list[Delivery] = []
        for namespace in namespaces or ("",):
            history: dict[tuple[str, str], list[_Release]] = {}
            for release in await self._releases(namespace):
                history.setdefault((release.namespace, release.name), []).append(release)
            for revisions in history.values():
                revisions.sort(key=lambda one: one.revision)
                before = None
                for one in revisions:
                    if start <= one.deployed < end:
                        found.append(self._delivery(before, one))
                    before = one
        return sorted(found, key=lambda one: one.time, reverse=True)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            connection = await self._open()
            namespace = connection.namespace
            path = f"/api/v1/namespaces/{namespace}/secrets"
            await connection.json(
                "GET", path, "list Helm's Secrets", query={"limit": "1", **_SELECTOR}
            )
        except SourceForbidden as error:
            repair = (
                "give helm.context a credential that may list Secrets, or set helm.enabled = false"
            )
            return [Check("helm", False, str(error), repair)]
        except ConnectorError as error:
            return [Check("helm", False, str(error), "check helm.kubeconfig and helm.context")]
        return [Check("helm", True, f"{self.name} may read releases in {namespace}")]

    async def close(self) -> None:
        """Release connections."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _open(self) -> Connection:
        async with self._making:
            if self._connection is None:
                self._connection = await connect(self._settings)
            return self._connection

    async def _releases(self, namespace: str) -> list[_Release]:
        connection = await self._open()
        path = f"/api/v1/namespaces/{namespace}/secrets" if namespace else "/api/v1/secrets"
        query = {"limit": _PAGE, **_SELECTOR}
        found: list[_Release] = []
        while True:
            page = await connection.json("GET", path, "list Helm's Secrets", query=query)
            for secret in page.get("items") or []:
                release = await asyncio.to_thread(_decoded, secret)
                if release is not None:
                    found.append(release)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    def _delivery(self, before: _Release | None, one: _Release) -> Delivery:
        text = f"Helm deployed revision {one.revision} of chart {one.chart} ({one.status})"
        if one.status == "failed" and one.description:
            text += f": {_short(one.description)}"
        if before is not None:
            if before.chart != one.chart:
                text += f"; chart {before.chart} → {one.chart}"
            lines = list(self._differences(before.values, one.values))
            more = len(lines) - _DIFFERENCES
            text += "".join(f"; {line}" for line in lines[:_DIFFERENCES])
            text += f"; and {more} more values" if more > 0 else ""
        return Delivery(one.deployed, one.namespace, f"release {one.name}", text, names=(one.name,))

    def _differences(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
        old, new = dict(_flat(before)), dict(_flat(after))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"{key}: {self._shown(key, old.get(key))} → {self._shown(key, new.get(key))}"

    def _shown(self, key: str, value: str | None) -> str:
        # The mask sees the whole value: half a secret would not look like one.
        return "unset" if value is None else _short(self._mask(key.rpartition(".")[2], value))


def _decoded(secret: Json) -> _Release | None:
    """Read one release Secret (`helm.sh/release.v1`); None for anything else."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        if packed[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            packed = unpacker.decompress(packed, _DECODED)
            if unpacker.unconsumed_tail:
                return None
        body = json.loads(packed)
        meta, info = body["chart"]["metadata"], body["info"]
        return _Release(
            name=str(body["name"]),
            namespace=str(body.get("namespace") or secret["metadata"]["namespace"]),
            revision=int(body["version"]),
            status=str(info.get("status", "unknown")),
            chart=f"{meta['name']}-{meta['version']}",
            description=str(info.get("description", "")),
            deployed=datetime.fromisoformat(_microseconds(str(info["last_deployed"]))),
            values=body.get("config") or {},
        )
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error, gzip.BadGzipFile):
        return None


def _microseconds(text: str) -> str:
    """Cut Go's nanoseconds to what Python reads."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            # {name, value} pairs are told by their name.
            own = item.get("name") if isinstance(item, Mapping) else None
            if own is not None and isinstance(item.get("value"), str):
                yield f"{path}.{own}", str(item["value"])
            else:
                yield from _flat(item, f"{path}[{number}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
