"""Faults of a Service: callers do not get to the program that they mean."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.faults.case import Case, pod_spec
from eval.faults.changes import Change, Edit, Remove, Scenery
from eval.faults.edits import edge
from eval.faults.fits import deployment, dialled, listens, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import absent, errors, no_endpoints, obj
from eval.protocols import Repair

_WRONG_PORTS = (9999, 9998, 9997)
_FAMILY = "service"
_EFFECT = "is not reached by its callers"


def _blame(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("Service"),)


def _wrong_port(case: Case) -> int:
    good = {number for port in case.service.ports for number in (port.port, port.number)}
    return next(port for port in _WRONG_PORTS if port not in good)


def _target_port(case: Case) -> Sequence[Change]:
    wrong, good = _wrong_port(case), {p.port: p for p in case.service.ports}

    def breaks(item: Json) -> None:
        for port in item["spec"]["ports"]:
            port["targetPort"] = wrong

    def accepts(item: Json) -> bool:
        offered = {p["port"]: p.get("targetPort", p["port"]) for p in item["spec"]["ports"]}
        return all(offered.get(n) in (p.number, p.name or p.number) for n, p in good.items())

    return (Edit("Service", case.target, breaks, accepts=accepts),)


def _selector(case: Case) -> Sequence[Change]:
    wrong = f"{case.target}-{named(case, 'version')}"

    def breaks(item: Json) -> None:
        item["spec"]["selector"][case.app.label] = wrong

    return (Edit("Service", case.target, breaks, exact=True),)


def _other(case: Case) -> str:
    """A service with other ports, whose pods exist."""
    own = {port.number for port in case.service.ports}
    return next(
        s.name
        for s in case.app.services.values()
        if s.name != case.target and s.ports and not own & {port.number for port in s.ports}
    )


def _selects_other(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        item["spec"]["selector"][case.app.label] = _other(case)

    return (Edit("Service", case.target, breaks, exact=True),)


def _port(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        for port in item["spec"]["ports"]:
            port["port"] += 1

    return (Edit("Service", case.target, breaks, exact=True),)


def _local(case: Case) -> Sequence[Change]:
    """Only backends on the caller's node, and a backend that keeps away from its caller."""
    near = case.callers[0]

    def local(item: Json) -> None:
        item["spec"]["internalTrafficPolicy"] = "Local"

    def apart(item: Json) -> None:
        labels = {"matchLabels": {case.app.label: near}}
        term = {"labelSelector": labels, "topologyKey": "kubernetes.io/hostname"}
        pod_spec(item)["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }

    def accepts(item: Json) -> bool:
        return bool(item["spec"].get("internalTrafficPolicy", "Cluster") == "Cluster")

    # the backend may stay away from its caller when the policy is back
    spread = Scenery(Edit("Deployment", case.target, apart))
    return (spread, Edit("Service", case.target, local, accepts=accepts))


def _has_other(case: Case) -> bool:
    own = {port.number for port in case.service.ports}
    return any(
        s.ports and not own & {port.number for port in s.ports} for s in case.app.services.values()
    )


KINDS = (
    Kind(
        "service_target_port",
        _FAMILY,
        "the Service sends its traffic to a port on which no program listens",
        ("service.target_port_mismatch",),
        needed(listens, dialled),
        _target_port,
        lambda case: (
            obj("Service", case.target, "spec.ports[].targetPort", _wrong_port(case)),
            errors(edge(case)),
        ),
        effect=_EFFECT,
        blame=_blame,
        origin="AIOpsLab k8s_target_port-misconfig; SREGym; ITBench 30",
    ),
    Kind(
        "service_selector",
        _FAMILY,
        "the Service's selector matches no pod",
        ("service.selector_mismatch",),
        needed(listens, dialled),
        _selector,
        lambda case: (no_endpoints(case.target), errors(edge(case))),
        effect=_EFFECT,
        blame=_blame,
        origin="SREGym wrong_service_selector; ITBench 36",
    ),
    Kind(
        "service_selects_other_pods",
        _FAMILY,
        "the Service's selector matches the pods of another program",
        ("service.selects_wrong_pods", "service.selector_mismatch"),
        needed(listens, dialled, lambda app, s: _has_other(Case(app, s.name))),
        _selects_other,
        lambda case: (
            obj("Service", case.target, "spec.selector", {case.app.label: _other(case)}),
            errors(edge(case)),
        ),
        effect=_EFFECT,
        blame=_blame,
        origin="SREGym service_wrong_pod_selection",
    ),
    Kind(
        "service_missing",
        _FAMILY,
        "the Service is deleted",
        ("service.missing",),
        needed(listens, dialled),
        lambda case: (Remove("Service", case.target),),
        lambda case: (absent("Service", case.target), errors(edge(case))),
        effect=_EFFECT,
        blame=_blame,
        repairs=lambda case: (Repair("create", case.ref("Service"), "create the Service again"),),
        origin="SREGym missing_service; ITBench 114",
    ),
    Kind(
        "service_port",
        _FAMILY,
        "the Service offers another port than the one that callers use",
        ("service.port_mismatch", "service.target_port_mismatch"),
        needed(listens, dialled),
        _port,
        lambda case: (
            obj("Service", case.target, "spec.ports[].port", case.port + 1),
            errors(edge(case)),
        ),
        effect=_EFFECT,
        blame=_blame,
        origin="SREGym service_port_conflict (variant)",
    ),
    Kind(
        "service_internal_traffic_local",
        _FAMILY,
        "the Service only uses backends on the caller's node, where there is none",
        ("service.traffic_policy",),
        needed(listens, dialled, deployment, lambda app, s: bool(Case(app, s.name).callers)),
        _local,
        lambda case: (
            obj("Service", case.target, "spec.internalTrafficPolicy", "Local"),
            errors(edge(case)),
        ),
        effect=_EFFECT,
        blame=_blame,
        unfit={"kube": "internalTrafficPolicy needs Kubernetes 1.21 and more than one node"},
        origin="SREGym internal_traffic_policy_local",
    ),
)
