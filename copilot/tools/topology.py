"""get_topology: who calls whom, from configuration and, where there are any, from traces."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated

from connectors.api.errors import ConnectorError
from connectors.api.values import Json
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft, kubectl
from copilot.tools.kube_words import (
    counted,
    matches,
    name_of,
    ready,
    ref_of,
    template,
    workload_numbers,
)
from copilot.tools.redact import redact_value
from copilot.tools.registry import tool
from copilot.tools.targets import Inventory, inventory

# Tempo's and the OpenTelemetry collector's service graph.
_GRAPH = "sum by (client, server) (traces_service_graph_request_total)"
_STORES = frozenset(
    ("mongodb", "mongo", "mysql", "mariadb", "postgres", "postgresql", "redis", "memcached")
) | frozenset(("cache", "db", "database", "rabbitmq", "kafka", "cassandra", "elasticsearch"))
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*")

Edges = dict[tuple[str, str], list[str]]


@tool
async def get_topology(
    context: Context,
    namespace: Annotated[str, "Namespace; may be left out when the investigation has one"] = "",
    service: Annotated[str, "Only what this service calls and what calls it"] = "",
) -> Draft:
    """Who depends on whom, with the health of each: from addresses in environment variables,
    arguments and ConfigMaps, from the service graph of traces when there is one, and for what
    these do not tell from addresses in logs and from names.

    An address that names no existing Service is listed apart: a wrong or missing dependency.
    """
    space = context.namespace(namespace)
    caveats: list[str] = []
    stock, maps = await asyncio.gather(
        inventory(context, space), context.try_list("ConfigMap", space, caveats)
    )
    edges, dangling = configured(stock, {name_of(item): item for item in maps or []})
    for (client, server), count in (await _traced(context, stock, caveats)).items():
        edges.setdefault((client, server), []).append(f"{count:.0f} traced calls")
    clients = {client for client, _ in edges}
    for pair in await _logged(context, stock, clients):
        edges.setdefault(pair, []).append("address in its log")
    for pair in by_name(stock.names):
        if pair not in edges:
            edges[pair] = ["only by its name"]
    text, shown = _drawn(stock, edges, dangling, service)
    return Draft(
        Source.KUBERNETES,
        kubectl((space,), "get deploy,sts,ds,svc,cm,pods -o yaml"),
        text,
        objects=tuple(ref_of(item) for item in stock.workloads if name_of(item) in shown)[:20],
        caveats=tuple(caveats),
    )


def configured(stock: Inventory, maps: dict[str, Json]) -> tuple[Edges, list[str]]:
    """Return the edges that configuration tells of, and addresses that lead nowhere."""
    services = {name_of(item) for item in stock.services}
    edges: Edges = defaultdict(list)
    dangling: list[str] = []
    for item in stock.workloads:
        client = name_of(item)
        for where, value in _settings(item, maps):
            for host, port in _addresses(value):
                server = _service(host, stock.namespace)
                if server in services and server != client:
                    if where not in edges[client, server]:
                        edges[client, server].append(where)
                elif port and server and "." not in server and server not in services:
                    address = redact_value(where.rpartition(" ")[2], value)
                    dangling.append(f"{client} ({where}={address[:80]})")
    return edges, list(dict.fromkeys(dangling))


def _settings(item: Json, maps: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield each text that a workload's containers are configured with, and where it stands."""
    spec = template(item)
    for container in (*(spec.get("initContainers") or []), *(spec.get("containers") or [])):
        for variable in container.get("env") or []:
            source = (variable.get("valueFrom") or {}).get("configMapKeyRef") or {}
            value = variable.get("value") or _data(maps, source.get("name"), source.get("key"))
            yield f"env {variable['name']}", value
        for source in container.get("envFrom") or []:
            name = str((source.get("configMapRef") or {}).get("name"))
            for key, value in ((maps.get(name) or {}).get("data") or {}).items():
                yield f"ConfigMap {name} {key}", value
        for argument in (*(container.get("command") or []), *(container.get("args") or [])):
            yield "args", str(argument)
    for volume in spec.get("volumes") or []:
        name = str((volume.get("configMap") or {}).get("name"))
        for key, value in ((maps.get(name) or {}).get("data") or {}).items():
            # A program's own source, mounted from a ConfigMap, is no configuration.
            if len(value) <= 20_000 and not key.endswith((".py", ".js", ".sh", ".lua")):
                yield f"ConfigMap {name} {key}", value


def _data(maps: dict[str, Json], name: str | None, key: str | None) -> str:
    return str(((maps.get(name or "") or {}).get("data") or {}).get(key or "", ""))


def _addresses(value: str) -> Iterator[tuple[str, bool]]:
    """Yield the host names in a text, and whether a port follows, so that it is an address."""
    for match in _HOST.finditer(value.lower()):
        after = value[match.end() : match.end() + 2]
        yield match[0], after[:1] == ":" and after[1:].isdigit()


def _service(host: str, namespace: str) -> str:
    """Return the Service that a host name means inside `namespace`."""
    for suffix in (".cluster.local", ".svc", f".{namespace}"):
        host = host.removesuffix(suffix)
    return host


def by_name(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return services and the stores that are named after them ("redis-cart", "cart-db")."""
    pairs = []
    for store in names:
        before, _, after = store.partition("-")
        head, _, tail = store.rpartition("-")
        owner = after if before in _STORES else head if tail in _STORES else ""
        for client in (owner, f"{owner}-service"):
            if owner and client in names and client != store:
                pairs.append((client, store))
    return pairs


async def _logged(context: Context, stock: Inventory, clients: set[str]) -> list[tuple[str, str]]:
    """Return whom the workloads that no configuration tells about name in their logs.

    Programs print the addresses that they read from built-in configuration when they start.
    """
    services = {name_of(item) for item in stock.services}
    silent = [item for item in stock.workloads if name_of(item) not in clients]
    asked = silent[: 2 * context.limits.log_reads]
    texts = await asyncio.gather(*(_log(context, stock, item) for item in asked))
    pairs: dict[tuple[str, str], None] = {}
    for item, text in zip(asked, texts, strict=True):
        for host, port in _addresses(text):
            server = _service(host, stock.namespace)
            if port and server in services and server != name_of(item):
                pairs[name_of(item), server] = None
    return list(pairs)


async def _log(context: Context, stock: Inventory, item: Json) -> str:
    pod = next((pod for pod in stock.pods if stock.owner(pod) == ref_of(item)), None)
    if pod is None:
        return ""
    container = pod["spec"]["containers"][0]["name"]
    try:
        return await context.cluster.logs(stock.namespace, name_of(pod), container, tail=500)
    except ConnectorError:
        # A pod that cannot start has no log; its state is shown anyway.
        return ""


async def _traced(
    context: Context, stock: Inventory, caveats: list[str]
) -> dict[tuple[str, str], float]:
    if context.sources.metrics is None:
        return {}
    try:
        asked = context.metrics.query(_GRAPH, context.scope.window.end)
        found = await context.within(asked, "Prometheus", 0.4)
    except ConnectorError as error:
        caveats.append(f"service graph not seen: {error}")
        return {}
    known = set(stock.names)
    return {
        (one.labels.get("client", ""), one.labels.get("server", "")): one.points[-1][1]
        for one in found
        if one.points and one.labels.get("server") in known
    }


def _drawn(
    stock: Inventory, edges: Edges, dangling: list[str], service: str
) -> tuple[str, set[str]]:
    kept = {pair: why for pair, why in edges.items() if not service or service in pair}
    names = {name for pair in kept for name in pair} | ({service} if service else set())
    health = {name: _health(stock, name) for name in (names if service else set(stock.names))}
    callers: dict[str, int] = defaultdict(int)
    for _, server in kept:
        callers[server] += 1
    lines = [f"{counted(len(kept), 'dependency', 'dependencies')} in namespace {stock.namespace}"]
    sick = [f"{name}: {text}" for name, text in sorted(health.items()) if not text.startswith("ok")]
    lines += [f"UNHEALTHY {text} (called by {callers[text.partition(':')[0]]})" for text in sick]
    if dangling and not service:
        lines.append("Addresses that name no Service here: " + "; ".join(dangling[:10]))
    for client in sorted({client for client, _ in kept}):
        goals = sorted((server, why) for (c, server), why in kept.items() if c == client)
        lines.append(f"{client} → " + ", ".join(f"{s} ({'; '.join(w[:2])})" for s, w in goals))
    alone = sorted(set(stock.names) - {name for pair in edges for name in pair})
    if alone and not service:
        lines.append(f"No dependency known: {', '.join(alone)}")
    return "\n".join(lines), names


def _health(stock: Inventory, name: str) -> str:
    target = stock.find(name)
    if target is None:
        return "does not exist"
    if target.workload is not None:
        up, desired = workload_numbers(target.workload)
        if up < desired or desired == 0:
            return f"{up} of {desired} replicas ready"
    selector = ((target.service or {}).get("spec") or {}).get("selector") or {}
    if target.service is None or not selector:
        return "ok"
    behind = [pod for pod in stock.pods if matches(selector, pod["metadata"].get("labels"))]
    if not behind:
        return "the Service's selector matches no pod"
    return "ok" if any(map(ready, behind)) else "no ready pod behind the Service"
