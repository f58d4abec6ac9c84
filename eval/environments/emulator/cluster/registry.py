"""The API server's verbs on objects, without HTTP: create, update, delete, dry runs included."""

from __future__ import annotations

import base64
import ipaddress
from datetime import timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.admission import Admission
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.defaults import apply_defaults
from eval.environments.emulator.cluster.errors import (
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import clone, key_of, rfc3339
from eval.environments.emulator.cluster.ownership import track
from eval.environments.emulator.cluster.resources import BY_KIND, Resource
from eval.environments.emulator.cluster.store import Store
from eval.environments.emulator.cluster.validation import validate

_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_NO_STATUS_ON_CREATE = frozenset(
    kind for kind, resource in BY_KIND.items() if "status" in resource.subresources
)
_SERVICE_NETWORK = ipaddress.IPv4Network("10.96.0.0/12")


class Registry:
    """Writes as a client may make them, with defaulting, validation and admission."""

    def __init__(self, clock: VirtualClock, store: Store, names: Names) -> None:
        self._clock = clock
        self._store = store
        self._names = names
        self.admission = Admission(store, names)
        self._next_ip = 0
        self._next_node_port = 30_000

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return the stored object. Raises `ApiError` 404."""
        found = self._store.get(resource.kind, namespace, name)
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return found

    def create(self, body: Json, *, manager: str = "", dry_run: bool = False) -> Json:
        """Create an object from a manifest (copied). Raises `ApiError`."""
        obj: Json = clone(body)
        resource = BY_KIND[obj["kind"]]
        obj["apiVersion"] = resource.api_version
        meta = obj.get("metadata")
        if not isinstance(meta, dict):
            meta = obj["metadata"] = {}
        for field in _SERVER_FIELDS:
            meta.pop(field, None)
        if not meta.get("name"):
            if not meta.get("generateName"):
                raise invalid(
                    resource.group,
                    resource.kind,
                    "",
                    [
                        (
                            "FieldValueRequired",
                            "metadata.name",
                            "Required value: name or generateName is required",
                        )
                    ],
                )
            meta["name"] = meta["generateName"] + self._names.suffix()
        if resource.namespaced:
            meta.setdefault("namespace", "default")
        else:
            meta.pop("namespace", None)
        if resource.kind in _NO_STATUS_ON_CREATE and resource.kind != "Node":
            obj.pop("status", None)
        if resource.kind == "Secret":
            _encode(obj)
        apply_defaults(obj)
        self.admission.create(resource, obj)
        validate(resource, obj)
        if self._store.get(resource.kind, *key_of(obj)) is not None:
            raise already_exists(resource.group, resource.plural, meta["name"])
        if resource.kind == "Service":
            self._allocate(obj)
        if manager:
            track(obj, None, manager, self._clock.now())
        if dry_run:
            meta["uid"] = self._names.uid()
            meta["creationTimestamp"] = rfc3339(self._clock.now())
            return obj
        return self._store.create(obj)

    def update(
        self,
        resource: Resource,
        body: Json,
        *,
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
    ) -> Json:
        """Replace an object (or only its status) by `body` (copied). Raises `ApiError`."""
        new: Json = clone(body)
        namespace, name = key_of(new)
        old = self.get(resource, namespace, name)
        meta, before = new["metadata"], old["metadata"]
        version = meta.get("resourceVersion")
        if version and version != before["resourceVersion"]:
            raise conflict(resource.group, resource.plural, name)
        if meta.get("uid", before["uid"]) != before["uid"]:
            raise conflict(
                resource.group,
                resource.plural,
                name,
                f"Precondition failed: UID in precondition: {meta['uid']},"
                f" UID in object meta: {before['uid']}",
            )
        for field in _SERVER_FIELDS:
            if field in before:
                meta[field] = clone(before[field])
            else:
                meta.pop(field, None)
        if subresource == "status":
            new = {**clone(old), "status": new.get("status") or {}}
        else:
            if resource.kind in _NO_STATUS_ON_CREATE:
                new.pop("status", None)
                if "status" in old:
                    new["status"] = clone(old["status"])
            if resource.kind == "Secret":
                _encode(new)
            apply_defaults(new)
            self._keep_service_fields(resource, new, old)
            validate(resource, new, old)
        if new != old and manager:
            track(new, old, manager, self._clock.now(), subresource)
        if dry_run:
            return new
        stored = self._store.put(new)
        self._finish(resource, stored)
        return stored

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        grace: int | None = None,
        propagation: str = "Background",
        preconditions: Json | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Delete an object, or mark it for deletion when someone must finish first."""
        obj = self.get(resource, namespace, name)
        for field, value in (preconditions or {}).items():
            if obj["metadata"].get(field) != value:
                raise conflict(
                    resource.group,
                    resource.plural,
                    name,
                    f"Precondition failed: {field} in precondition: {value},"
                    f" {field} in object meta: {obj['metadata'].get(field)}",
                )
        if dry_run:
            return obj
        if propagation == "Orphan":
            self._orphan(obj)
        finalizers = list(obj["metadata"].get("finalizers") or ())
        if propagation == "Foreground" and self._store.owned(obj["metadata"]["uid"]):
            finalizers = list(dict.fromkeys([*finalizers, "foregroundDeletion"]))
        if resource.kind == "Namespace":
            return self._mark(obj, finalizers, None, phase="Terminating")
        if resource.kind == "Pod":
            wait = self._grace(obj, grace)
            if wait > 0:
                return self._mark(obj, finalizers, wait)
        if finalizers:
            return self._mark(obj, finalizers, 0)
        return self._store.remove(resource.kind, (namespace, name))

    def scale(self, resource: Resource, obj: Json) -> Json:
        """Return the Scale object of a workload."""
        spec, status = obj["spec"], obj.get("status") or {}
        meta = obj["metadata"]
        labels = (spec.get("selector") or {}).get("matchLabels") or {}
        if resource.kind == "ReplicationController":
            labels = spec.get("selector") or {}
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                name: meta[name]
                for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
                if name in meta
            },
            "spec": {"replicas": spec.get("replicas", 0)},
            "status": {
                "replicas": status.get("replicas", 0),
                "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
            },
        }

    def _grace(self, pod: Json, asked: int | None) -> int:
        if not pod["spec"].get("nodeName") or (
            pod["status"].get("phase") in ("Succeeded", "Failed")
        ):
            return 0
        seconds = pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked
        if "deletionTimestamp" in pod["metadata"] and asked is None:
            return int(pod["metadata"].get("deletionGracePeriodSeconds", seconds))
        return int(seconds)

    def _mark(self, obj: Json, finalizers: list[str], grace: int | None, phase: str = "") -> Json:
        def change(new: Json) -> None:
            meta = new["metadata"]
            present = self._clock.now()
            if "deletionTimestamp" not in meta or (
                grace is not None and grace < meta.get("deletionGracePeriodSeconds", grace)
            ):
                meta["deletionTimestamp"] = rfc3339(present + timedelta(seconds=grace or 0))
                if grace is not None:
                    meta["deletionGracePeriodSeconds"] = grace
            if finalizers:
                meta["finalizers"] = finalizers
            if phase:
                new["status"] = {**new.get("status", {}), "phase": phase}

        marked = self._store.edit(obj["kind"], key_of(obj), change)
        return obj if marked is None else marked

    def _finish(self, resource: Resource, obj: Json) -> None:
        """Remove an object whose deletion waited only for its finalizers."""
        meta = obj["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers"):
            return
        if resource.kind not in ("Pod", "Namespace"):
            self._store.remove(resource.kind, key_of(obj))

    def _orphan(self, owner: Json) -> None:
        uid = owner["metadata"]["uid"]
        for owned in self._store.owned(uid):

            def release(new: Json) -> None:
                references = new["metadata"]["ownerReferences"]
                new["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]

            self._store.edit(owned["kind"], key_of(owned), release)

    def _allocate(self, service: Json) -> None:
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            return
        taken = {other["spec"].get("clusterIP") for other in self._store.all("Service")}
        address = spec.get("clusterIP")
        if not address:
            while True:
                self._next_ip += 1
                # a stride spreads the addresses, as the real random allocator does
                offset = 256 + self._next_ip * 40_503 % (_SERVICE_NETWORK.num_addresses - 512)
                address = str(_SERVICE_NETWORK[offset])
                if address not in taken:
                    break
            spec["clusterIP"] = address
        elif address != "None" and address in taken:
            raise invalid(
                "",
                "Service",
                service["metadata"]["name"],
                [
                    (
                        "FieldValueInvalid",
                        "spec.clusterIPs",
                        f'Invalid value: ["{address}"]: failed to allocate IP {address}:'
                        " provided IP is already allocated",
                    )
                ],
            )
        spec["clusterIPs"] = [address]
        self._node_ports(spec)

    def _node_ports(self, spec: Json) -> None:
        if spec["type"] in ("NodePort", "LoadBalancer"):
            for port in spec.get("ports") or ():
                if not port.get("nodePort"):
                    self._next_node_port += 7
                    port["nodePort"] = self._next_node_port

    def _keep_service_fields(self, resource: Resource, new: Json, old: Json) -> None:
        if resource.kind != "Service" or new["spec"]["type"] == "ExternalName":
            return
        for field in ("clusterIP", "clusterIPs"):
            if not new["spec"].get(field) and field in old["spec"]:
                new["spec"][field] = clone(old["spec"][field])
        if not new["spec"].get("clusterIP"):
            self._allocate(new)
        self._node_ports(new["spec"])


def _encode(secret: Json) -> None:
    """Move `stringData` into `data`, as the API server does."""
    plain = secret.pop("stringData", None)
    if plain:
        data = secret.setdefault("data", {})
        for name, value in plain.items():
            data[name] = base64.b64encode(str(value).encode()).decode()
    for name, value in (secret.get("data") or {}).items():
        try:
            base64.b64decode(value, validate=True)
        except (ValueError, TypeError) as error:
            raise bad_request(
                'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input'
                f" byte 0 (data.{name})"
            ) from error
