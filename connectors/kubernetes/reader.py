"""Reads a cluster: lists, objects, logs, and what we may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.api.errors import SourceRejected
from connectors.api.values import Check, Json
from connectors.kubernetes import binary, checks, secrets
from connectors.kubernetes.binary import Output
from connectors.kubernetes.client import Connection, connect
from connectors.kubernetes.discovery import Discovery, Resource
from connectors.kubernetes.failures import PageExpired
from connectors.kubernetes.settings import KubernetesSettings

_PAGE, _NEXT_PAGES = 500, 2500
"""Objects of the first page of a list, and of those that follow where it was not the last."""
_LOG_BYTES = 32 * 1024 * 1024
_TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,"
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)

Objects = list[Json]
Names = list[str]


async def open_reader(settings: KubernetesSettings | None = None) -> KubernetesReader:
    """Load the credentials and return a reader. Nothing is sent to the cluster yet.

    Raises `ConnectorError` when no cluster is configured or its credentials cannot be loaded.
    """
    return KubernetesReader(await connect(settings or KubernetesSettings()))


class KubernetesReader:
    """A `ClusterReader` of one cluster. `close` it when done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._discovery = Discovery(connection)

    @property
    def name(self) -> str:
        """For people: "kubernetes (context prod)"."""
        return f"kubernetes (context {self._connection.context})"

    @property
    def context(self) -> str:
        """The kubeconfig context, "in-cluster" for a pod's own service account."""
        return self._connection.context

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._connection.server

    @property
    def default_namespace(self) -> str:
        """The context's namespace."""
        return self._connection.namespace

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def check(self, namespaces: Sequence[str] = ()) -> Sequence[Check]:
        """Try what an investigation needs, in each of `namespaces` (none: the whole cluster)."""
        return await checks.check(self, self._connection, namespaces)

    async def resource(self, kind: str) -> Resource:
        """Return where `kind` is served. Raises `SourceMissing` when it is not."""
        return await self._discovery.find(kind)

    async def version(self) -> Json:
        """Return what the server says of its version: `gitVersion`, `major`, `minor` and more."""
        return await self._connection.json("GET", "/version", "read its version")

    async def kinds(self) -> list[Resource]:
        """Return every kind that the server serves."""
        return await self._discovery.kinds()

    async def namespaces(self) -> Names:
        """Return the names of all namespaces. Raises `SourceForbidden` without cluster rights."""
        return sorted(item["metadata"]["name"] for item in await self.list("Namespace"))

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> Objects:
        """Return all objects of `kind`, in pages; Secrets without their data."""
        resource = await self._discovery.find(kind)
        secret = _is_secret(resource)
        where = f" in namespace {namespace}" if namespace and resource.namespaced else ""
        task = f"list {resource.short}{where}"
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        query = {key: value for key, value in query.items() if value}
        accept = secrets.LIST_ACCEPT if secret else "application/json"
        path = resource.path(namespace)
        items: Objects = []
        while True:
            try:
                page = await self._connection.json("GET", path, task, query=query, accept=accept)
            except PageExpired:
                if "limit" not in query:
                    raise
                # As client-go does: a list that outlived its snapshot is read again in one piece.
                del query["limit"]
                query.pop("continue", None)
                items = []
                continue
            items += (_named(item, resource) for item in page.get("items") or [])
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return items
            query |= {"continue": token, "limit": str(_NEXT_PAGES)}

    async def named(self, word: str) -> Sequence[Resource]:
        """Return the resources that kubectl means by `word` ("po", "deployments.apps", "all")."""
        return await self._discovery.named(word)

    async def table(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        full: bool = False,
    ) -> Json:
        """Return objects as the server prints them: `columnDefinitions` and `rows`.

        Each row carries its object's metadata; with `full` the whole object. Secrets never do.
        """
        secret = _is_secret(resource)
        query = {"includeObject": "Object" if full and not secret else "Metadata"}
        if name:
            path, task = object_path(resource, namespace or "", name), f"get {resource.short}"
            return await self._connection.json("GET", path, task, query=query, accept=_TABLE)
        query |= {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        query = {key: value for key, value in query.items() if value}
        path, task = resource.path(namespace), f"list {resource.short}"
        table: Json | None = None
        while True:
            page = await self._connection.json("GET", path, task, query=query, accept=_TABLE)
            page["rows"] = page.get("rows") or []
            if table is None:
                table = page
            else:
                table["rows"] += page["rows"]
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return table
            query |= {"continue": token, "limit": str(_NEXT_PAGES)}

    async def kubectl(
        self, arguments: Sequence[str], *, seconds: float = 20.0, limit: int = 32 * 1024 * 1024
    ) -> Output:
        """Run the pinned kubectl binary with this connection's credentials.

        The caller answers for `arguments`. Raises `SourceUnreachable` when there is no binary or it
        does not end within `seconds`; output beyond `limit` bytes is cut.
        """
        return await binary.run(self._connection, arguments, seconds, limit)

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        """Return one object; a Secret without its data."""
        resource = await self._discovery.find(kind)
        path = object_path(resource, namespace, name)
        found = await self._connection.json(
            "GET",
            path,
            f"get {described(resource, namespace, name)}",
            accept=secrets.GET_ACCEPT if _is_secret(resource) else "application/json",
        )
        return _named(found, resource)

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        tail: int = 2000,
        since: datetime | None = None,
        previous: bool = False,
    ) -> str:
        """Return a container's log with RFC 3339 timestamps, newest `tail` lines at most.

        Raises `SourceRejected` while the container waits to start, or has no previous run.
        """
        query = {"timestamps": "true", "tailLines": str(tail), "limitBytes": str(_LOG_BYTES)}
        if container:
            query["container"] = container
        if previous:
            query["previous"] = "true"
        if since is not None:
            query["sinceTime"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = await self._discovery.find("Pod")
        which = f"container {container} of pod" if container else "pod"
        data = await self._connection.raw(
            "GET",
            object_path(resource, namespace, pod) + "/log",
            f"read the {'previous ' if previous else ''}log of {which} {namespace}/{pod}",
            query=query,
            accept="*/*",
        )
        return data.decode("utf-8", "replace")

    async def can(self, verb: str, kind: str, namespace: str) -> bool:
        """Ask the API server whether we may; `kind` may name a subresource ("Pod/log").

        `namespace` "" asks for the whole cluster.
        """
        kind, _, subresource = kind.partition("/")
        resource = await self._discovery.find(kind)
        attributes = {
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "subresource": subresource,
            "namespace": namespace if resource.namespaced else "",
        }
        answer = await self._connection.json(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            f"ask whether we may {verb} {resource.short}",
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
        )
        return bool((answer.get("status") or {}).get("allowed"))


def object_path(resource: Resource, namespace: str, name: str) -> str:
    """Return the path of one object; `SourceRejected` when a part of its name is missing."""
    if not name or "/" in name:
        raise SourceRejected(f'"{name}" is not the name of a {resource.kind}')
    if resource.namespaced and not namespace:
        raise SourceRejected(f"{resource.kind} {name}: a namespace is needed")
    return resource.path(namespace, name)


def described(resource: Resource, namespace: str, name: str) -> str:
    """Return how errors name an object: "deployments.apps shop/cart"."""
    return (
        f"{resource.short} {namespace}/{name}"
        if resource.namespaced
        else f"{resource.short} {name}"
    )


def _is_secret(resource: Resource) -> bool:
    return resource.kind == "Secret" and resource.group == ""


def _named(item: Json, resource: Resource) -> Json:
    """Give a list's item the `kind` and `apiVersion` that the server leaves out."""
    if _is_secret(resource):
        return secrets.metadata_only(item)
    return {**item, "apiVersion": resource.api_version, "kind": resource.kind}
