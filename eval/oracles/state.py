"""What was well before the fault must be well afterwards."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

from connectors.api.values import Json
from eval.faults.objects import available
from eval.protocols import Environment

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_KEPT = ("ConfigMap", "Secret", "PersistentVolumeClaim")


@dataclass(frozen=True, slots=True)
class State:
    """Which workloads are available, which Services have endpoints, and which objects there are.

    `specs` says how each is meant to be: it differs once somebody has written.
    """

    workloads: frozenset[str]
    served: frozenset[str]
    kept: frozenset[str]
    alerts: frozenset[str] = frozenset()
    specs: frozenset[str] = frozenset()

    def broken(self, now: State) -> tuple[str, ...]:
        """What was lost since this state by somebody's writing: what merely comes and goes is not."""
        return self.lost(now) if self.specs != now.specs else ()

    def lost(self, now: State) -> tuple[str, ...]:
        """What was well in this state and is not well now, by name."""
        return tuple(
            sorted(
                {
                    *(f"{name} is not available" for name in self.workloads - now.workloads),
                    *(f"Service/{name} has no endpoints" for name in self.served - now.served),
                    *(f"{name} is gone" for name in self.kept - now.kept),
                }
            )
        )


async def look(environment: Environment) -> State:
    """Look at the app's namespace."""
    reader, namespace = environment.reader, environment.namespace
    well: set[str] = set()
    kept: set[str] = set()
    specs: set[str] = set()
    for kind in _WORKLOADS:
        found = await reader.list(kind, namespace)
        specs |= {f"{kind}/{_spec(o)}" for o in found}
        well |= {f"{kind}/{o['metadata']['name']}" for o in found if available(o)}
    pods = await reader.list("Pod", namespace)
    well |= {_name(pod) for pod in pods if not pod["metadata"].get("ownerReferences") and _up(pod)}
    for kind in _KEPT:
        found = await reader.list(kind, namespace)
        kept |= {f"{kind}/{o['metadata']['name']}" for o in found}
        specs |= {f"{kind}/{_spec(o)}" for o in found}
    services = await reader.list("Service", namespace)
    specs |= {f"Service/{_spec(o)}" for o in services}
    endpoints = await reader.list("Endpoints", namespace)
    served = {e["metadata"]["name"] for e in endpoints if _addresses(e)}
    return State(frozenset(well), frozenset(served), frozenset(kept), specs=frozenset(specs))


def _spec(item: Json) -> str:
    meta = item["metadata"]
    told = json.dumps([item.get("spec"), item.get("data"), meta.get("deletionTimestamp")])
    return f"{meta['name']}#{zlib.crc32(told.encode())}"


def _addresses(item: Json) -> bool:
    return any(subset.get("addresses") for subset in item.get("subsets") or ())


def _name(pod: Json) -> str:
    return f"Pod/{pod['metadata']['name']}"


def _up(pod: Json) -> bool:
    return available({**pod, "kind": "Pod"})
