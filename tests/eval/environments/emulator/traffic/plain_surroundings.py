"""A cluster's surroundings in their simplest form, for a cluster that has none of its own."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Mapping, Sequence

from connectors.api.values import Json
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.addresses import service_name


class PlainSurroundings:
    """Every Service has a name, everything may talk to everything, files are what is mounted."""

    def __init__(self, cluster: ClusterState) -> None:
        self._cluster = cluster

    def resolves(self, pod: Json, name: str) -> str:
        known = service_name(name, pod["metadata"].get("namespace", ""))
        if known is None:
            return "no_such_host"
        items = self._cluster.objects("Service", known[0])
        found = any(item["metadata"]["name"] == known[1] for item in items)
        return "" if found else "no_such_host"

    def allowed(self, source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        return True

    def reachable(
        self, source: Json | None, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        return self._cluster.endpoints(namespace, service, port)

    def topology(self) -> Hashable:
        return object()  # never the same again

    def denied(
        self, pod: Json, verb: str, group: str, resource: str, namespace: str, name: str = ""
    ) -> str:
        return ""

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        spec = self._container(pod, container)
        volumes = {item["name"]: item for item in pod["spec"].get("volumes") or ()}
        files: dict[str, str] = {}
        for mount in spec.get("volumeMounts") or ():
            volume = volumes.get(mount["name"], {})
            name = (volume.get("configMap") or {}).get("name")
            for key, text in self._data("ConfigMap", name).items() if name else ():
                files[f"{mount['mountPath'].rstrip('/')}/{key}"] = str(text)
        return files

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for item in self._container(pod, container).get("env") or ():
            source = item.get("valueFrom") or {}
            if "secretKeyRef" in source:
                key = source["secretKeyRef"]
                encoded = self._data("Secret", key["name"]).get(key["key"], "")
                found[item["name"]] = base64.b64decode(encoded).decode()
            elif "configMapKeyRef" in source:
                key = source["configMapKeyRef"]
                found[item["name"]] = str(self._data("ConfigMap", key["name"]).get(key["key"], ""))
            else:
                found[item["name"]] = str(item.get("value", ""))
        return found

    def _container(self, pod: Json, name: str) -> Json:
        spec = pod.get("spec", {})
        items = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        return next((item for item in items if item["name"] == name), {})

    def _data(self, kind: str, name: str) -> Json:
        for item in self._cluster.objects(kind):
            if item["metadata"]["name"] == name:
                return item.get("data") or {}
        return {}
