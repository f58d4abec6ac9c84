"""Which typed actions would repair a cause, as rows: title, action, risk, undo, what is to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Fact
from copilot.evidence.kube import (
    containers,
    created,
    declared_ports,
    dig,
    quantity,
    template_labels,
)
from copilot.evidence.ranking import Candidate
from copilot.evidence.topology import namesakes
from copilot.model.action import (
    Action,
    CreateObject,
    DeleteObject,
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    Risk,
    RollBack,
    Scale,
    SetField,
    SetImage,
)
from copilot.model.scope import ObjectRef

Row = tuple[str, Action, Risk, str, str]
Facts = Mapping[str, Fact]
Maker = Callable[[Case, ObjectRef, Facts], Iterator[Row]]

_READY = "The pods become ready."
_BACK = "Put the present value back."
_POD = "/spec/template/spec"

_ANY = ("",)
_CHANGED_BY: dict[str, tuple[str, ...]] = {
    "image": ("image", "imagePullSecrets"),
    "workload": _ANY,
    "config": ("env", "envFrom", "volumes", "volumeMounts", "ports", "hostNetwork"),
    "probe": ("readinessProbe", "livenessProbe", "startupProbe", "ports"),
    "resources": ("resources", "env", "args", "command"),
    "scheduling": ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints",
                   "schedulerName", "priorityClassName"),
    "storage": ("volumes", "volumeMounts", "securityContext"),
    "security": ("securityContext", "serviceAccountName", "volumes", "automountServiceAccountToken"),
    "network": ("dnsPolicy", "dnsConfig", "hostAliases", "hostNetwork"),
    "dependency": ("env", "envFrom", "args", "command", "hostAliases"),
    "init": _ANY,
    "autoscaling": ("resources",),
    "database": ("env", "envFrom", "args", "command", "image"),
    "application": _ANY,
}  # fmt: skip
"""Which changed fields of a pod template can have brought a cause about, by the cause's area."""
_RESTART = frozenset({"resources.memory_leak", "dependency.pool_exhausted", "application.slow",
                      "workload.crash_on_start", "pod.killed", "resources.cpu_saturation",
                      "application.errors", "node.resource_exhausted"})  # fmt: skip


def actions(case: Case, candidate: Candidate, facts: Facts) -> Iterator[Row]:
    """Yield the actions that address a cause, the most direct first."""
    maker = _MAKERS.get(candidate.cause)
    if maker is not None:
        yield from maker(case, candidate.object, facts)
    yield from _roll_back(case, candidate)
    if candidate.cause.startswith("image.") or candidate.cause == "workload.bad_rollout":
        yield from _image(candidate.object, facts)
    if candidate.cause in _RESTART and candidate.object.kind in (
        "Deployment",
        "StatefulSet",
        "DaemonSet",
    ):
        ref = candidate.object
        yield (
            f"Restart {ref.kind} {ref.name}",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "The symptom is gone for a while; the cause itself stays.",
        )


def _roll_back(case: Case, candidate: Candidate) -> Iterator[Row]:
    """Return to the revision before, when the present one touched what the cause is about."""
    fields = _CHANGED_BY.get(candidate.cause.split(".")[0])
    for ref in (candidate.object, *candidate.also):
        found = case.rollout(ref) if ref.kind == "Deployment" and fields else None
        if found is None or found.reverts or not case.snapshot.is_known_period(found.at):
            continue
        if fields != _ANY and not any(
            c.field in (fields or ()) or c.path.startswith("initContainers") for c in found.changes
        ):
            continue
        yield (
            f"Roll Deployment {ref.name} back to revision {found.previous}",
            RollBack(ref, found.previous),
            Risk.LOW,
            f"Roll forward to revision {found.revision} again.",
            "The earlier revision's pods become ready.",
        )
        return


def _image(ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    if facts.get("previous_image"):
        image, container = str(facts["previous_image"]), str(facts.get("container", ""))
        yield (
            f"Set the image of {ref.name}/{container} to {image}",
            SetImage(ref, container, image),
            Risk.LOW if facts.get("rolled_out") else Risk.MEDIUM,
            f"Set the image back to {facts.get('image', 'the present one')}.",
            "The image is pulled, and the pods become ready.",
        )


def _target_port(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    if "target_port" in facts and "port" in facts:
        port, target = int(facts["port"]), facts["target_port"]
        ports = dig(case.snapshot.get(ref), "spec.ports", []) or []
        before = next(
            (p.get("targetPort", port) for p in ports if p.get("port") == port), "the present one"
        )
        yield (
            f"Point port {port} of Service {ref.name} to target port {target}",
            PatchServicePort(ref, port, target),
            Risk.LOW,
            f"Set the target port back to {before}.",
            f"Connections to {ref.name}:{port} are answered again.",
        )


def _selector(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    pairs = [part.split("=", 1) for part in str(facts.get("selector", "")).split(",")]
    wanted = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if wanted and ref.kind == "Service" and case.snapshot.get(ref):
        yield (
            f"Set the selector of Service {ref.name} to {facts['selector']}",
            SetField(ref, "/spec/selector", json.dumps(wanted, sort_keys=True)),
            Risk.LOW,
            _BACK,
            "The Service has endpoints again.",
        )


def _service(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Create the Service anew, in front of the workload of its name."""
    behind = namesakes(case.snapshot, ref)
    workload = case.snapshot.get(behind[0]) if behind else None
    if ref.kind != "Service" or workload is None or len(behind) > 1:
        return
    asked = sorted(
        {
            setting.address.port
            for settings in case.wiring.settings.values()
            for setting in settings
            if setting.target == ref and setting.address.port
        }
    )
    own = declared_ports(case.snapshot.spec(behind[0]))
    numbers = [*own, *(p for p in asked if p not in own)] if len(own) != 1 or not asked else asked
    if not numbers:
        return
    target = next(iter(own)) if len(own) == 1 else None
    ports = [
        {"name": f"port-{n}", "port": n, "targetPort": n if n in own else target or n}
        for n in numbers
    ]
    labels = template_labels(workload)
    others = [
        template_labels(w)
        for w in case.snapshot.workloads
        if w is not workload and w["metadata"].get("namespace") == ref.namespace
    ]
    own_label = next(
        ({k: v} for k, v in sorted(labels.items()) if not any(o.get(k) == v for o in others)),
        labels,
    )
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"selector": own_label, "ports": ports},
    }
    yield (
        f"Create Service {ref.name} in front of {behind[0].kind} {behind[0].name}",
        CreateObject(ref, json.dumps(body, sort_keys=True)),
        Risk.LOW,
        "Delete it again.",
        "Its callers reach it.",
    )


def _traffic_policy(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    for field in ("internalTrafficPolicy", "externalTrafficPolicy"):
        if dig(case.snapshot.get(ref), f"spec.{field}") == "Local":
            yield (
                f"Let Service {ref.name} use the backends of all nodes",
                SetField(ref, f"/spec/{field}", '"Cluster"'),
                Risk.LOW,
                "Set it back to Local.",
                "Callers on every node reach a backend.",
            )


def _scale(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    count = max(int(facts.get("replicas", 1) or 1), 1)
    yield (
        f"Scale {ref.kind} {ref.name} to {count}",
        Scale(ref, count),
        Risk.LOW,
        "Scale it back to 0.",
        f"{count} pod(s) of {ref.name} become ready, and its Service has endpoints.",
    )


def _node_selector(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    if "key" in facts:
        yield (
            f"Remove the node selector {facts['key']} from {ref.kind} {ref.name}",
            RemoveNodeSelector(ref, str(facts["key"])),
            Risk.LOW,
            "Put the node selector back.",
            "Its pods are scheduled and become ready.",
        )


def _uncordon(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    if ref.kind == "Node" and dig(case.snapshot.get(ref), "spec.unschedulable"):
        yield (
            f"Uncordon node {ref.name}",
            SetField(ref, "/spec/unschedulable"),
            Risk.LOW,
            "Cordon it again.",
            "The waiting pods are scheduled.",
        )


def _untaint(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    taints = dig(case.snapshot.get(ref), "spec.taints", []) or []
    rest = [t for t in taints if t.get("key") != facts.get("taint")]
    if ref.kind == "Node" and len(rest) < len(taints):
        yield (
            f"Remove the taint {facts['taint']} from node {ref.name}",
            SetField(ref, "/spec/taints", json.dumps(rest) if rest else ""),
            Risk.LOW,
            "Taint it again.",
            "The waiting pods are scheduled.",
        )


def _in_the_way(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Delete a limit or policy that came into being within the period; an older one is meant."""
    obj = case.snapshot.get(ref)
    if obj is not None and case.snapshot.is_known_period(created(obj)):
        yield (
            f"Delete {ref.kind} {ref.name}",
            DeleteObject(ref),
            Risk.MEDIUM,
            "Create it again as it was.",
            "What it forbade works again.",
        )


def _quota(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from _in_the_way(case, ref, facts)
    hard = dig(case.snapshot.get(ref), "spec.hard", {}) or {}
    used = dig(case.snapshot.get(ref), "status.used", {}) or {}
    for name, limit in hard.items():
        top, now = quantity(limit), quantity(used.get(name))
        if top and now is not None and name in str(facts.get("detail", "")):
            path = f"/spec/hard/{name.replace('~', '~0').replace('/', '~1')}"
            raised = json.dumps(_twice(str(limit)))
            title = f"Double {name} of ResourceQuota {ref.name}"
            yield (title, SetField(ref, path, raised), Risk.MEDIUM, _BACK, "Its pods are created.")


def _twice(text: str) -> str:
    digits = text.rstrip("KMGTPEikmn")
    try:
        return f"{2 * float(digits):g}{text[len(digits) :]}"
    except ValueError:
        return text


def _probe(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    path, container = _place(case, ref, str(facts.get("container", "")))
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = container.get(name) or {}
        if str(facts.get("probe", name)) != name or not isinstance(facts.get("port"), int):
            continue
        for how in ("httpGet", "tcpSocket", "grpc"):
            if how in probe and probe[how].get("port") != facts["port"]:
                yield (
                    f"Point the {name} of {ref.name} to port {facts['port']}",
                    SetField(ref, f"{path}/{name}/{how}/port", json.dumps(facts["port"])),
                    Risk.LOW,
                    _BACK,
                    _READY,
                )


def _memory(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    path, container = _place(case, ref, str(facts.get("container", "")))
    limit = dig(container, "resources.limits.memory")
    if limit:
        raised = _twice(_twice(str(limit)))
        yield (
            f"Raise the memory limit of {ref.name} from {limit} to {raised}",
            SetField(ref, f"{path}/resources/limits/memory", json.dumps(raised)),
            Risk.MEDIUM,
            _BACK,
            "It is not killed any more.",
        )


def _cpu(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    path, container = _place(case, ref, str(facts.get("container", "")))
    if dig(container, "resources.limits.cpu"):
        yield (
            f"Remove the CPU limit of {ref.name}",
            SetField(ref, f"{path}/resources/limits/cpu"),
            Risk.MEDIUM,
            _BACK,
            "It is as fast as before.",
        )


def _scheduler(_case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    yield (
        f"Let the default scheduler place {ref.name}",
        SetField(ref, f"{_POD}/schedulerName", '"default-scheduler"'),
        Risk.LOW,
        _BACK,
        _READY,
    )


def _pod_security(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    space = ObjectRef("Namespace", "", ref.namespace)
    label = "pod-security.kubernetes.io/enforce"
    if label in (dig(case.snapshot.get(space), "metadata.labels", {}) or {}):
        yield (
            f"Stop enforcing Pod Security in namespace {ref.namespace}",
            SetField(space, f"/metadata/labels/{label.replace('/', '~1')}"),
            Risk.HIGH,
            "Set the label again.",
            "Its pods are created.",
        )


def _account(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    name = str(facts.get("account", ""))
    if name:
        place = ObjectRef("ServiceAccount", ref.namespace, name)
        body = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": ref.namespace},
        }
        yield (
            f"Create ServiceAccount {name}",
            CreateObject(place, json.dumps(body)),
            Risk.LOW,
            "Delete it again.",
            "The pods are created.",
        )


def _autoscaler(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    most = dig(case.snapshot.get(ref), "spec.maxReplicas")
    if isinstance(most, int):
        yield (
            f"Let autoscaler {ref.name} go up to {2 * most} replicas",
            SetField(ref, "/spec/maxReplicas", str(2 * most)),
            Risk.MEDIUM,
            _BACK,
            "More replicas take the load.",
        )


def _env(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Set a variable to the one port that the Service it names really has."""
    name = str(facts.get("setting", "")).removeprefix("env ")
    path, container = _place(case, ref, str(facts.get("container", "")))
    right, value = facts.get("right"), str(facts.get("value", ""))
    for index, item in enumerate(container.get("env") or []):
        if item.get("name") == name and item.get("value") == value and right:
            yield (
                f"Set {name} of {ref.name} to {right}",
                SetField(ref, f"{path}/env/{index}/value", json.dumps(str(right))),
                Risk.LOW,
                _BACK,
                "It reaches what it calls.",
            )


def _flag(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    if ref.kind == "ConfigMap" and "file" in facts and "text" in facts:
        key = str(facts["file"]).replace("~", "~0").replace("/", "~1")
        del case
        yield (
            f"Switch feature flag {facts.get('flag')} off in ConfigMap {ref.name}",
            SetField(
                ref, f"/data/{key}", json.dumps(str(facts["text"])), str(facts.get("restarts", ""))
            ),
            Risk.LOW,
            "Switch it on again.",
            "The requests that took the faulty path succeed.",
        )


def _removed(field: str, what: str) -> Maker:
    """Make a maker that takes a field out of the pod template, where it is there."""

    def make(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
        if dig(case.snapshot.spec(ref), field.replace("/", ".")):
            yield (
                f"Remove {what} from {ref.kind} {ref.name}",
                SetField(ref, f"{_POD}/{field}"),
                Risk.MEDIUM,
                _BACK,
                _READY,
            )

    return make


_anti_affinity = _removed("affinity/podAntiAffinity", "the pod anti-affinity")
_affinity = _removed("affinity/podAffinity", "the pod affinity")
_aliases = _removed("hostAliases", "the host aliases")
_priority = _removed("priorityClassName", "the priority class")


def _pod_affinity(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from _anti_affinity(case, ref, facts)
    yield from _affinity(case, ref, facts)


def _host_port(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    for number, container in enumerate(containers(case.snapshot.spec(ref))):
        for index, port in enumerate(container.get("ports") or []):
            if port.get("hostPort"):
                yield (
                    f"Give up host port {port['hostPort']} of {ref.kind} {ref.name}",
                    SetField(ref, f"{_POD}/containers/{number}/ports/{index}/hostPort"),
                    Risk.MEDIUM,
                    "Claim it again.",
                    _READY,
                )


def _security(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from _pod_security(case, ref, facts)
    for index, container in enumerate(containers(case.snapshot.spec(ref))):
        if dig(container, "securityContext.runAsNonRoot"):
            yield (
                f"Let {container.get('name')} of {ref.name} run as its image's user",
                SetField(ref, f"{_POD}/containers/{index}/securityContext/runAsNonRoot"),
                Risk.MEDIUM,
                _BACK,
                _READY,
            )


def _init(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Drop an init container that waits for a name that does not exist."""
    found = case.snapshot.spec(ref).get("initContainers") or []
    for index, item in enumerate(found):
        if item.get("name") == facts.get("container"):
            path = f"{_POD}/initContainers" + (f"/{index}" if len(found) > 1 else "")
            yield (
                f"Remove init container {item.get('name')} from {ref.kind} {ref.name}",
                SetField(ref, path),
                Risk.HIGH,
                _BACK,
                "The pods start.",
            )


def _place(case: Case, ref: ObjectRef, name: str) -> tuple[str, Json]:
    """Return where a container is in its workload, by default the first, and the container."""
    found = containers(case.snapshot.spec(ref))
    for index, container in enumerate(found):
        if container.get("name") == name:
            return f"{_POD}/containers/{index}", container
    return f"{_POD}/containers/0", (found[0] if found else {})


_MAKERS: dict[str, Maker] = {
    "service.target_port_mismatch": _target_port,
    "service.selector_mismatch": _selector,
    "service.selects_wrong_pods": _selector,
    "service.missing": _service,
    "service.traffic_policy": _traffic_policy,
    "workload.scaled_to_zero": _scale,
    "scheduling.node_selector": _node_selector,
    "scheduling.cordoned": _uncordon,
    "scheduling.taint": _untaint,
    "scheduling.scheduler_missing": _scheduler,
    "resources.quota_exceeded": _quota,
    "resources.limit_range": _in_the_way,
    "network.policy_blocks": _in_the_way,
    "probe.readiness_misconfigured": _probe,
    "probe.liveness_misconfigured": _probe,
    "probe.startup_misconfigured": _probe,
    "resources.memory_limit_too_low": _memory,
    "resources.cpu_throttling": _cpu,
    "security.pod_security": _security,
    "scheduling.pod_affinity": _pod_affinity,
    "scheduling.priority_class_missing": _priority,
    "config.port_conflict": _host_port,
    "dependency.wrong_address": _aliases,
    "network.dns": _aliases,
    "init.stuck": _init,
    "security.service_account_missing": _account,
    "autoscaling.at_limit": _autoscaler,
    "config.env_wrong": _env,
    "config.feature_flag": _flag,
}
