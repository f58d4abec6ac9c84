"""Reads the edges of the call graph out of a snapshot: configuration, measurements, logs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.addresses import Address, addresses, configured
from copilot.evidence.kube import containers, dig, name_of, pod_spec, ref_of
from copilot.evidence.logscan import LogIssue
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.topology import Edge, Resolver
from copilot.model.scope import ObjectRef

_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_OWN_NAME = re.compile(
    r"(^|_)(SERVICE_NAME|APP|APP_NAME|NAME|COMPONENT|POD_NAME|HOSTNAME|ROLE)$", re.I
)


@dataclass(frozen=True, slots=True)
class Setting:
    """An address that a workload is configured with. `field` is where: "env API_URL"."""

    workload: ObjectRef
    container: str
    field: str
    value: str
    address: Address
    target: ObjectRef | None


def environment(snapshot: Snapshot, namespace: str, container: Json) -> dict[str, tuple[str, str]]:
    """Return a container's variables as far as they can be known: (value, where it comes from)."""
    found: dict[str, tuple[str, str]] = {}
    for source in container.get("envFrom") or []:
        name = dig(source, "configMapRef.name")
        config = snapshot.get(ObjectRef("ConfigMap", namespace, str(name))) if name else None
        prefix = source.get("prefix", "")
        for key, value in (dig(config, "data", {}) or {}).items():
            found[prefix + key] = (str(value), f"ConfigMap {name}")
    for item in container.get("env") or []:
        name, value, origin = str(item.get("name")), item.get("value"), "env"
        chosen = dig(item, "valueFrom.configMapKeyRef")
        if chosen:
            config = snapshot.get(ObjectRef("ConfigMap", namespace, str(chosen.get("name"))))
            value = (dig(config, "data", {}) or {}).get(chosen.get("key"))
            origin = f"ConfigMap {chosen.get('name')}"
        if value is None:
            continue
        plain = {k: v for k, (v, _) in found.items()}
        found[name] = (
            _expand(str(value), plain),
            origin,
        )
    return found


def settings_of(
    snapshot: Snapshot, resolver: Resolver, workload: ObjectRef, spec: Json
) -> list[Setting]:
    """Return the addresses in the variables and arguments of a pod spec."""
    found = []
    for container in (*containers(spec, init=True), *containers(spec)):
        name = str(container.get("name"))
        variables = environment(snapshot, workload.namespace, container)
        plain = {k: v for k, (v, _) in variables.items()}
        for key, (value, origin) in variables.items():
            field = f"env {key}" if origin == "env" else f"env {key} from {origin}"
            for address in configured(key, value, plain):
                target = resolver.resolve(address, workload.namespace)
                found.append(Setting(workload, name, field, value, address, target))
        arguments = [*(container.get("command") or []), *(container.get("args") or [])]
        for argument in arguments:
            text = _expand(str(argument), plain)
            if len(text) > 2000:
                continue
            for address in addresses(text):
                target = resolver.resolve(address, workload.namespace)
                found.append(Setting(workload, name, "args", text[:200], address, target))
    return found


def _short(name: str) -> str:
    """Return the first part of a host or service name of a metric."""
    return name.split(":")[0].split(".")[0]


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) as the kubelet does; an unknown name stays as it is."""
    return _VARIABLE.sub(lambda match: variables.get(match.group(1), match.group(0)), text)


class Wiring:
    """Everything that the snapshot says about who calls whom."""

    def __init__(self, snapshot: Snapshot, issues: Sequence[LogIssue]) -> None:
        self._snapshot = snapshot
        self.resolver = Resolver(snapshot)
        self.settings: dict[ObjectRef, list[Setting]] = {}
        for workload in snapshot.workloads:
            ref = ref_of(workload)
            self.settings[ref] = settings_of(snapshot, self.resolver, ref, pod_spec(workload))
        self._issues = issues
        self._workloads: dict[str, list[ObjectRef]] = defaultdict(list)
        for workload in snapshot.workloads:
            self._workloads[name_of(workload)].append(ref_of(workload))
        self._services = {name_of(s): ref_of(s) for s in snapshot.of("Service")}

    def edges(self) -> Iterator[Edge]:
        """Yield all edges, measured ones first."""
        yield from self._measured()
        for ref, settings in self.settings.items():
            for setting in settings:
                if setting.target is not None:
                    exists = self._snapshot.get(setting.target) is not None
                    strength = 0.9 if exists or setting.address.sure else 0.5
                    yield Edge(ref, setting.target, setting.address.port, strength, setting.field)
        yield from self._plain_names()
        yield from self._config_files()
        yield from self._logged()

    def _measured(self) -> Iterator[Edge]:
        for flow in self._snapshot.telemetry.edges():
            caller, callee = self.node(flow.caller), self.callee(flow.service)
            if caller and callee:
                for workload in (
                    [caller] if caller.kind != "Service" else self._snapshot.backing(caller)
                ):
                    yield Edge(workload, callee, None, 1.0, "traces")

    def node(self, name: str) -> ObjectRef | None:
        """Return the node that a metric's service label means: a workload, else a Service."""
        short = _short(name)
        workloads = self._workloads.get(short, [])
        if workloads:
            return workloads[0]
        service = self._services.get(short)
        if service is None:
            return None
        backing = self._snapshot.backing(service)
        return backing[0] if len(backing) == 1 else service

    def callee(self, name: str) -> ObjectRef | None:
        """Return the node that calls by this name go to: the Service, else the workload."""
        return self._services.get(_short(name)) or self.node(name)

    def _plain_names(self) -> Iterator[Edge]:
        services: Mapping[tuple[str, str], ObjectRef] = {
            (s["metadata"]["namespace"], s["metadata"]["name"]): ref_of(s)
            for s in self._snapshot.of("Service")
        }
        for obj in self._snapshot.workloads:
            ref = ref_of(obj)
            for container in containers(pod_spec(obj)):
                for key, (value, _) in environment(
                    self._snapshot, ref.namespace, container
                ).items():
                    target = services.get((ref.namespace, value.strip()))
                    if target and not _OWN_NAME.search(key) and value != ref.name:
                        yield Edge(ref, target, None, 0.7, f"env {key}")

    def _config_files(self) -> Iterator[Edge]:
        """Services named in mounted ConfigMaps; one that everybody mounts says little."""
        users: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
        for obj in self._snapshot.workloads:
            ref = ref_of(obj)
            for volume in pod_spec(obj).get("volumes") or []:
                name = dig(volume, "configMap.name")
                if name:
                    users[ObjectRef("ConfigMap", ref.namespace, name)].append(ref)
        names = {s["metadata"]["name"]: ref_of(s) for s in self._snapshot.of("Service")}
        for config, workloads in users.items():
            data = dig(self._snapshot.get(config), "data", {}) or {}
            text = "\n".join(map(str, data.values()))[:200_000]
            sure = {a.host.split(".")[0]: a.port for a in addresses(text)}
            words = set(re.findall(r"[a-z0-9][a-z0-9-]+", text))
            named = {n for n in names if (n in words and "-" in n) or n in sure}
            shared = len(workloads) >= 3 and len(named) >= 3
            for workload in workloads:
                for name in sorted(named):
                    target = names[name]
                    if (
                        target.namespace == config.namespace
                        and workload not in self._snapshot.backing(target)
                    ):
                        strength = 0.15 if shared else 0.8 if name in sure else 0.5
                        yield Edge(workload, target, sure.get(name), strength, str(config))

    def _logged(self) -> Iterator[Edge]:
        for issue in self._issues:
            if issue.blames:
                target = self.resolver.resolve(issue.blames, issue.workload.namespace)
                if target and target != issue.workload and self._snapshot.get(target) is not None:
                    port = (
                        None
                        if issue.blames.is_ip and target.kind != "Service"
                        else issue.blames.port
                    )
                    yield Edge(issue.workload, target, port, 0.95, "log")
