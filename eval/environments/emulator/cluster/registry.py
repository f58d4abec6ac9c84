"""The API server's verbs on objects, without HTTP: create, update, delete, dry runs included."""

from __future__ import annotations

import base64
import ipaddress
from datetime import timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.admission import Admission
from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.custom import established
from eval.environments.emulator.cluster.defaults import apply_defaults
from eval.environments.emulator.cluster.ephemeral import EPHEMERAL, with_ephemeral
from eval.environments.emulator.cluster.errors import (
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from eval.environments.emulator.cluster.fieldsets import Shape
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import clone, key_of, rfc3339
from eval.environments.emulator.cluster.ownership import Owned, track, write
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.store import Store
from eval.environments.emulator.cluster.strategies import prepare
from eval.environments.emulator.cluster.validation import validate
from eval.environments.emulator.cluster.version import MODERN, Version

_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_SERVICE_NETWORK = ipaddress.IPv4Network("10.96.0.0/12")


class Registry:
    """Writes as a client may make them, with defaulting, validation and admission."""

    def __init__(
        self, clock: VirtualClock, store: Store, names: Names, version: Version = MODERN
    ) -> None:
        self._clock = clock
        self._store = store
        self._names = names
        self.catalog = Catalog(version, store.kinds)
        self.admission = Admission(store, names)
        self._next_ip = 0
        self._next_node_port = 30_000

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return the stored object. Raises `ApiError` 404."""
        found = self._store.get(resource.key, namespace, name)
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return found

    def shape(self, resource: Resource) -> Shape:
        """Return how the fields of a resource are owned and merged."""
        from eval.environments.emulator.cluster.openapi.schemas import schemas_of

        # ownership is kept in the stored shapes, which are the present version's
        schemas = schemas_of(MODERN)
        if resource.custom:
            return Shape(schemas, self.catalog.schema_of(resource))
        return Shape(schemas, schemas.of(self._store.kinds[resource.key]))

    def create(
        self,
        body: Json,
        *,
        manager: str = "",
        managed: list[Owned] | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Create an object from a manifest (copied). Raises `ApiError`.

        `manager` is noted as the owner of all fields; or `managed` says who owns what.
        """
        obj: Json = clone(body)
        resource = self._store.kinds[self._store.kind_of(obj)]
        if not resource.custom:
            obj["apiVersion"] = resource.api_version
        meta = obj.get("metadata")
        if not isinstance(meta, dict):
            meta = obj["metadata"] = {}
        for field in (*_SERVER_FIELDS, "managedFields"):
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
        if "status" in resource.subresources and resource.kind != "Node":
            obj.pop("status", None)
        if resource.key == "Secret":
            _encode(obj)
        if not resource.custom:
            apply_defaults(obj)
            prepare(obj, None)
        self.admission.create(resource, obj)
        validate(resource, obj)
        self.admission.check(resource, obj)
        if resource.kind == "CustomResourceDefinition":
            established(obj, self._clock.now())
        if self._store.get(resource.key, *key_of(obj)) is not None:
            raise already_exists(resource.group, resource.plural, meta["name"])
        if resource.key == "Service":
            self._allocate(obj)
        if managed is not None:
            write(obj, managed)
        elif manager:
            track(self.shape(resource), obj, None, manager, self._clock.now())
        if dry_run:
            meta["uid"] = self._names.uid()
            meta["creationTimestamp"] = rfc3339(self._clock.now())
            return obj
        stored = self._store.create(obj)
        if resource.kind == "CustomResourceDefinition":
            self.catalog.define(stored)
        return stored

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
        if "managedFields" not in meta and "managedFields" in before:
            meta["managedFields"] = clone(before["managedFields"])
        if subresource == "status":
            kept = clone(old)
            if "managedFields" in meta:
                kept["metadata"]["managedFields"] = meta["managedFields"]
            new = {**kept, "status": new.get("status") or {}}
            meta = new["metadata"]
        elif subresource == EPHEMERAL:
            new = with_ephemeral(old, new)
            meta = new["metadata"]
        else:
            if not subresource:
                self.admission.update(resource, new)
            if "status" in resource.subresources:
                new.pop("status", None)
                if "status" in old:
                    new["status"] = clone(old["status"])
            if resource.key == "Secret":
                _encode(new)
            if not resource.custom:
                apply_defaults(new)
                prepare(new, old)
            self._keep_service_fields(resource, new, old)
            validate(resource, new, old)
            if not subresource:
                self.admission.check_update(resource, new)
        if new != old and manager:
            track(self.shape(resource), new, old, manager, self._clock.now(), subresource)
        if dry_run:
            if resource.generation and new.get("spec") != old.get("spec"):
                meta["generation"] = before.get("generation", 1) + 1
            return new
        stored = self._store.put(new)
        if resource.kind == "CustomResourceDefinition":
            self.catalog.define(stored)
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
        admit: bool = True,
    ) -> Json:
        """Delete an object, or mark it for deletion when someone must finish first.

        With `admit`, admission may refuse. Raises `ApiError`.
        """
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
        if admit:
            self.admission.delete(resource, obj)
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
        if resource.kind == "CustomResourceDefinition":
            self._undefine(obj)
        return self._store.remove(resource.key, (namespace, name))

    def _undefine(self, definition: Json) -> None:
        # the stored objects go while their kind is still known
        spec = definition["spec"]
        kind = self._store.kind_of(
            {"kind": spec["names"]["kind"], "apiVersion": f"{spec['group']}/v1"}
        )
        if kind in self._store.kinds and self._store.kinds[kind].custom:
            for obj in list(self._store.all(kind)):
                self._store.remove(kind, key_of(obj))
        self.catalog.forget(definition)

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

        marked = self._store.edit(self._store.kind_of(obj), key_of(obj), change)
        return obj if marked is None else marked

    def _finish(self, resource: Resource, obj: Json) -> None:
        """Remove an object whose deletion waited only for its finalizers."""
        meta = obj["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers"):
            return
        if resource.kind not in ("Pod", "Namespace"):
            self._store.remove(resource.key, key_of(obj))

    def _orphan(self, owner: Json) -> None:
        uid = owner["metadata"]["uid"]
        for owned in self._store.owned(uid):

            def release(new: Json) -> None:
                references = new["metadata"]["ownerReferences"]
                new["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]

            self._store.edit(self._store.kind_of(owned), key_of(owned), release)

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
        if resource.key != "Service" or new["spec"]["type"] == "ExternalName":
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
