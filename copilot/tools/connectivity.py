"""check_connectivity: walks the way to a Service on paper, step by step."""

from __future__ import annotations

from typing import Annotated, Any

from connectors.api.values import Json
from copilot.model.evidence import Source
from copilot.tools import network_policy as policy
from copilot.tools.context import Context, Draft, Objects, kubectl
from copilot.tools.kube_words import (
    containers,
    counted,
    matches,
    name_of,
    pod_problems,
    ready,
    selector_text,
)
from copilot.tools.registry import tool
from copilot.tools.targets import Target, resolve


class _Steps:
    """The steps so far; the failing ones are repeated first."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.broken: list[str] = []

    def ok(self, text: str) -> None:
        self.lines.append(f"  ok      {text}")

    def note(self, text: str) -> None:
        self.lines.append(f"  note    {text}")

    def bad(self, text: str) -> None:
        self.lines.append(f"  BROKEN  {text}")
        self.broken.append(text)


@tool
async def check_connectivity(
    context: Context,
    service: Annotated[str, "The Service to be reached"],
    source: Annotated[str, "The service or pod that calls it; empty for any caller"] = "",
    namespace: Annotated[str, "Namespace of both; may be left out when there is one"] = "",
) -> Draft:
    """Whether a Service can be reached, worked out from the objects without sending a packet.

    Walks Service → selector → pods → endpoints → ports → probes → NetworkPolicies (and the
    caller's egress and DNS when `source` is given) and names the first broken step.
    """
    target = await resolve(context, service, namespace)
    caller = await resolve(context, source, namespace) if source else None
    steps = _Steps()
    caveats: list[str] = []
    endpoints = await context.try_list("Endpoints", target.namespace, caveats)
    policies = await context.try_list("NetworkPolicy", target.namespace, caveats)
    pods = await context.list("Pod", target.namespace)
    _walk(context, target, endpoints, pods, steps)
    if policies is not None:
        _policies(target, caller, policies, steps)
    name = target.name
    head = (
        f"{name}: {counted(len(steps.broken), 'broken step')}, the first: {steps.broken[0]}"
        if steps.broken
        else f"{name}: no broken step found on the way; if calls fail, look at its logs"
    )
    query = kubectl(
        (target.namespace,),
        f"get service/{name} endpoints/{name} -o yaml",
        "&& kubectl -n",
        target.namespace,
        "get pods,networkpolicies -o yaml",
    )
    return Draft(
        Source.KUBERNETES,
        query,
        "\n".join([head, *steps.lines]),
        excerpt=head,
        objects=(*target.objects, *(caller.objects if caller else ())),
        caveats=tuple(caveats),
    )


def _walk(
    context: Context, target: Target, endpoints: Objects | None, pods: Objects, steps: _Steps
) -> None:
    service = target.service
    if service is None:
        steps.bad(f"there is no Service {target.name}: its DNS name does not resolve")
        _pods(context, list(target.pods), steps)
        return
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        steps.note(f"Service is an alias of {spec.get('externalName')}, outside the cluster's view")
        return
    headless = " (headless)" if spec.get("clusterIP") == "None" else ""
    steps.ok(f"Service {target.name} exists, {spec.get('type', 'ClusterIP')}{headless}")
    selector = spec.get("selector") or {}
    chosen = [pod for pod in pods if matches(selector, (pod["metadata"].get("labels")))]
    if not selector:
        steps.note("Service has no selector: its endpoints are kept by somebody else")
    elif not chosen:
        steps.bad(f"selector {selector_text(selector)} matches no pod{_nearly(target, pods)}")
    else:
        steps.ok(f"selector {selector_text(selector)} matches {counted(len(chosen), 'pod')}")
    _pods(context, chosen, steps)
    if endpoints is not None:
        _endpoints(target, endpoints, chosen, steps)
    for port in spec.get("ports") or []:
        _port(port, chosen, steps)
    for pod in chosen[:1]:
        _probes(pod, steps)


def _nearly(target: Target, pods: Objects) -> str:
    """Say what the pods that were probably meant are labelled with."""
    if target.workload is not None:
        spec = target.workload.get("spec") or {}
        if spec.get("replicas") == 0:
            return f"; {target.workload.get('kind')} {name_of(target.workload)} has 0 replicas"
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        return f"; the pods of {name_of(target.workload)} are labelled {selector_text(labels)}"
    near = [pod for pod in pods if name_of(pod).startswith(target.name)]
    labels = (near[0]["metadata"].get("labels") or {}) if near else {}
    return f"; {name_of(near[0])} is labelled {selector_text(labels)}" if near else ""


def _pods(context: Context, pods: Objects, steps: _Steps) -> None:
    up = [pod for pod in pods if ready(pod)]
    if not pods:
        return
    if up:
        steps.ok(f"{len(up)} of {len(pods)} pods are ready")
    else:
        steps.bad(f"none of the {len(pods)} pods is ready")
    for pod in [pod for pod in pods if pod not in up][:3]:
        reasons = "; ".join(pod_problems(pod, context.now)) or "not ready"
        steps.note(f"pod {name_of(pod)}: {reasons}")


def _endpoints(target: Target, endpoints: Objects, pods: Objects, steps: _Steps) -> None:
    mine = next((item for item in endpoints if name_of(item) == target.name), None)
    subsets = (mine or {}).get("subsets") or []
    addresses = sum(len(subset.get("addresses") or []) for subset in subsets)
    waiting = sum(len(subset.get("notReadyAddresses") or []) for subset in subsets)
    if addresses:
        ports = sorted({int(port["port"]) for s in subsets for port in s.get("ports") or []})
        steps.ok(
            f"endpoints: {counted(addresses, 'address', 'addresses')} on port {', '.join(map(str, ports))}"
        )
    elif pods or mine is not None:
        steps.bad(f"endpoints: no ready address ({waiting} not ready)")


def _port(port: Json, pods: Objects, steps: _Steps) -> None:
    goal = _goal(port)
    label = f"port {port['port']}→{goal}"
    if not pods:
        return
    declared = [item for spec, _, init in containers(pods[0]) if not init for item in _ports(spec)]
    text = ", ".join(_named(item) for item in declared) or "none"
    if isinstance(goal, str):
        if any(item.get("name") == goal for item in declared):
            steps.ok(f"{label}: a container port has that name")
        else:
            steps.bad(f"{label}: no container port is named {goal}; declared are: {text}")
    elif any(item.get("containerPort") == goal for item in declared):
        steps.ok(f"{label}: the container declares port {goal}")
    elif declared:
        steps.bad(f"{label}: no container declares port {goal}; declared are: {text}")
    else:
        steps.note(f"{label}: the containers declare no ports, so this cannot be compared")


def _goal(port: Json) -> int | str:
    """Return a Service port's target: a number, or the name of a container port."""
    goal: Any = port.get("targetPort") or port["port"]
    return int(goal) if str(goal).isdigit() else str(goal)


def _ports(spec: Json) -> Objects:
    return list(spec.get("ports") or [])


def _named(item: Json) -> str:
    name = f" ({item['name']})" if item.get("name") else ""
    return f"{item['containerPort']}{name}"


def _probes(pod: Json, steps: _Steps) -> None:
    for spec, _, init in containers(pod):
        probe = spec.get("readinessProbe")
        if init or not probe:
            continue
        check = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc")
        if not check:
            steps.note(f"container {spec['name']}: readiness is checked by a command")
            continue
        port, declared = check.get("port"), _ports(spec)
        fits = any(port in (item.get("containerPort"), item.get("name")) for item in declared)
        path = f" path {check['path']}" if check.get("path") else ""
        text = f"container {spec['name']}: readiness probe asks port {port}{path}"
        if fits or not declared:
            steps.ok(text)
        else:
            names = ", ".join(map(_named, declared))
            steps.bad(f"{text}, which the container does not declare; declared are: {names}")


def _policies(target: Target, caller: Target | None, policies: Objects, steps: _Steps) -> None:
    if not policies:
        steps.ok("no NetworkPolicy exists in the namespace")
        return
    if not target.pods:
        return
    goal = target.pods[0]
    end = policy.of_pod(goal)
    sources = [policy.of_pod(pod) for pod in caller.pods[:1]] if caller else [None]
    for other in sources:
        for number, name, protocol in _goals(target, goal):
            allowed, names = policy.allows(policies, end, other, "Ingress", number, protocol, name)
            who = f"from {caller.name}" if caller else "from any pod"
            if not names:
                steps.ok("no NetworkPolicy isolates its pods for ingress")
            elif allowed:
                steps.ok(f"ingress {who} to port {number}: allowed ({', '.join(names)})")
            else:
                blocked = f"ingress {who} to port {number} is not allowed by {', '.join(names)}"
                (steps.bad if caller or not _some_peer(policies, names) else steps.note)(blocked)
            if other is not None:
                _egress(policies, other, end, number, protocol, steps)


def _some_peer(policies: Objects, names: list[str]) -> bool:
    """Say whether a policy lets at least somebody in, so that "not everybody" may be meant."""
    return any(
        name_of(item) in names and (item.get("spec") or {}).get("ingress") for item in policies
    )


def _egress(
    policies: Objects, source: policy.Peer, end: policy.Peer, number: int, protocol: str, s: _Steps
) -> None:
    allowed, names = policy.allows(policies, source, end, "Egress", number, protocol)
    if not names:
        s.ok("no NetworkPolicy isolates the caller for egress")
        return
    if allowed:
        s.ok(f"egress of the caller to port {number}: allowed ({', '.join(names)})")
    else:
        s.bad(f"egress of the caller to port {number} is not allowed by {', '.join(names)}")
    dns = policy.Peer("kube-system", {"k8s-app": "kube-dns"}, _system())
    if not policy.allows(policies, source, dns, "Egress", 53, "UDP")[0]:
        s.bad(f"egress of the caller to DNS (UDP 53) is not allowed by {', '.join(names)}")


def _system() -> dict[str, str]:
    return {"kubernetes.io/metadata.name": "kube-system", "name": "kube-system"}


def _goals(target: Target, pod: Json) -> list[tuple[int, str, str]]:
    """Return the pod's ports that the Service leads to, with their names and protocols."""
    declared = [item for spec, _, init in containers(pod) if not init for item in _ports(spec)]
    by_name = {item.get("name"): int(item["containerPort"]) for item in declared}
    found = []
    for port in ((target.service or {}).get("spec") or {}).get("ports") or []:
        goal = _goal(port)
        number = by_name.get(goal) if isinstance(goal, str) else goal
        if number is not None:
            name = next((str(n) for n, value in by_name.items() if n and value == number), "")
            found.append((number, name, port.get("protocol", "TCP")))
    return found
