"""Writes to a cluster. Held only by the one door for writes and by the evaluation's faults."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from connectors.api.errors import SourceRejected
from connectors.api.protocols import PatchType
from connectors.api.values import Json
from connectors.kubernetes import secrets
from connectors.kubernetes.client import Connection, connect
from connectors.kubernetes.discovery import Discovery, Resource
from connectors.kubernetes.reader import described, object_path
from connectors.kubernetes.settings import KubernetesSettings

_CONTENT = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


async def open_writer(settings: KubernetesSettings | None = None) -> KubernetesWriter:
    """Load the credentials and return a writer. Nothing is sent to the cluster yet.

    Raises `ConnectorError` when no cluster is configured or its credentials cannot be loaded.
    """
    return KubernetesWriter(await connect(settings or KubernetesSettings()))


class KubernetesWriter:
    """A `ClusterWriter` of one cluster. `close` it when done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._discovery = Discovery(connection)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        patch: Json | list[Json],
        *,
        type: PatchType = "merge",
        dry_run: bool = False,
    ) -> Json:
        """Patch an object and return it as it is afterwards (a Secret without its data).

        A list is a JSON patch whatever `type` says.
        """
        if type == "json" and not isinstance(patch, list):
            raise SourceRejected("a JSON patch must be a list of operations")
        resource = await self._discovery.find(kind)
        answer = await self._connection.json(
            "PATCH",
            object_path(resource, namespace, name),
            f"patch {described(resource, namespace, name)}",
            query=_query(dry_run),
            body=patch,
            content=_CONTENT["json" if isinstance(patch, list) else type],
        )
        return _shown(answer, resource)

    async def create(self, kind: str, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object and return it. `SourceRejected` when it exists already."""
        resource = await self._discovery.find(kind)
        if resource.namespaced and not namespace:
            raise SourceRejected(f"{kind}: a namespace is needed")
        name = (body.get("metadata") or {}).get("name", "")
        answer = await self._connection.json(
            "POST",
            resource.path(namespace),
            f"create {described(resource, namespace, name)}",
            query=_query(dry_run),
            body=_complete(body, resource),
        )
        return _shown(answer, resource)

    async def replace(
        self, kind: str, namespace: str, name: str, body: Json, *, dry_run: bool = False
    ) -> Json:
        """Replace an object and return it.

        With a `metadata.resourceVersion` in `body` it is refused (409, `SourceRejected`) when
        the object has changed since.
        """
        resource = await self._discovery.find(kind)
        answer = await self._connection.json(
            "PUT",
            object_path(resource, namespace, name),
            f"replace {described(resource, namespace, name)}",
            query=_query(dry_run),
            body=_complete(body, resource),
        )
        return _shown(answer, resource)

    async def delete(self, kind: str, namespace: str, name: str, *, dry_run: bool = False) -> None:
        """Delete an object in the background. `SourceMissing` when there is none."""
        resource = await self._discovery.find(kind)
        await self._connection.json(
            "DELETE",
            object_path(resource, namespace, name),
            f"delete {described(resource, namespace, name)}",
            query={**_query(dry_run), "propagationPolicy": "Background"},
        )

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> tuple[int, str]:
        """Run a command in a container; return its exit code and what it wrote.

        Raises `SourceRejected` when it cannot be started, `SourceForbidden` without the right to
        create `pods/exec`.
        """
        resource = await self._discovery.find("Pod")
        query = [("container", container), ("stdout", "true"), ("stderr", "true")]
        messages = await self._connection.messages(
            f"{object_path(resource, namespace, pod)}/exec",
            f"run {command[0]} in pod {pod}",
            [*query, *(("command", word) for word in command)],
            protocol=_CHANNELS,
        )
        said = b"".join(m[1:] for m in messages if m[:1] in (b"\x01", b"\x02"))
        ended = b"".join(m[1:] for m in messages if m[:1] == b"\x03")
        return _exit_code(ended), said.decode("utf-8", "replace")


_CHANNELS = "v4.channel.k8s.io"


def _exit_code(status: bytes) -> int:
    """Read the Status that ends a command. Raises `SourceRejected` for one that was not started."""
    try:
        found = json.loads(status or b"{}")
    except ValueError:
        found = {}
    if found.get("status") == "Success":
        return 0
    causes = (found.get("details") or {}).get("causes") or []
    codes = [c.get("message", "") for c in causes if c.get("reason") == "ExitCode"]
    if codes and codes[0].isdigit():
        return int(codes[0])
    raise SourceRejected(str(found.get("message") or "the command's end was not reported"))


def _query(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _complete(body: Json, resource: Resource) -> dict[str, Any]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def _shown(answer: Json, resource: Resource) -> Json:
    if resource.kind == "Secret" and not resource.group:
        return secrets.metadata_only(answer)
    return answer
