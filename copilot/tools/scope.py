"""Checks a scope against the cluster before an investigation starts."""

from __future__ import annotations

from dataclasses import replace

from connectors.api.errors import SourceForbidden, SourceMissing
from connectors.api.protocols import ClusterReader
from copilot.model.errors import (
    CorrectYourCall,
    ForbiddenError,
    NotAvailable,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from copilot.model.scope import Scope
from copilot.tools.context import Context
from copilot.tools.kube_words import name_of
from copilot.tools.names import nearest
from copilot.tools.sources import Sources
from copilot.tools.targets import Target, resolve
from copilot.tools.wrap import wrapped


async def validate_scope(sources: Sources, scope: Scope) -> Scope:
    """Return `scope` with its service names as the cluster spells them.

    Raises `NotFoundError` for an unknown namespace or service (with the nearest names),
    `ForbiddenError` for a namespace that we may not read, `UnavailableError` without a cluster.
    """
    cluster = sources.cluster
    if cluster is None:
        raise UnavailableError(
            "no Kubernetes cluster is configured", hint="set kubernetes.kubeconfig or $KUBECONFIG"
        )
    if not scope.namespaces:
        raise UsageError("no namespace is named", hint="pass --namespace NAME")
    for namespace in scope.namespaces:
        await _check_namespace(cluster, namespace)
    context = Context(sources, scope)
    names = [(await _service(context, name)).name for name in scope.services]
    return replace(scope, services=tuple(dict.fromkeys(names)))


async def _check_namespace(cluster: ClusterReader, namespace: str) -> None:
    with wrapped():
        try:
            await cluster.get("Namespace", "", namespace)
        except SourceMissing:
            raise await _unknown(cluster, namespace) from None
        except SourceForbidden as error:
            # Rights are often given per namespace: not seeing the Namespace itself proves nothing.
            if not await cluster.can("list", "Pod", namespace):
                raise _forbidden(namespace) from error
        else:
            if not await cluster.can("list", "Pod", namespace):
                raise _forbidden(namespace)


async def _unknown(cluster: ClusterReader, namespace: str) -> NotFoundError:
    try:
        names = [name_of(item) for item in await cluster.list("Namespace")]
    except SourceForbidden:
        names = []
    near = nearest(namespace, names)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    if names and not near:
        hint = f"there are: {', '.join(sorted(names)[:20])}"
    return NotFoundError(
        f'the namespace "{namespace}" does not exist in {cluster.name}',
        hint=hint or "`kubectl get namespaces` lists them",
    )


def _forbidden(namespace: str) -> ForbiddenError:
    return ForbiddenError(
        f'we may not list pods in the namespace "{namespace}"',
        hint=f"bind the ClusterRole `view` in {namespace}, or use another kubeconfig context",
    )


async def _service(context: Context, name: str) -> Target:
    try:
        return await resolve(context, name)
    except CorrectYourCall as error:
        hint = f"did you mean {' or '.join(error.nearest)}?" if error.nearest else ""
        where = ", ".join(context.scope.namespaces)
        raise NotFoundError(
            f'nothing called "{name}" in the namespace {where}',
            hint=hint or str(error).partition("There are: ")[2].rstrip(".") or "check the name",
        ) from error
    except NotAvailable as error:
        raise UnavailableError(str(error)) from error
