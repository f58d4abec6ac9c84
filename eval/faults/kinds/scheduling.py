"""Faults of scheduling: pods for which there is no node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Add, Change, Edit, Restart, Scenery
from eval.faults.cluster_changes import CordonNodes, Crowd, TaintNodes
from eval.faults.edits import down, spec
from eval.faults.fits import deployment, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import event, status
from eval.protocols import Repair, Symptom

_FAMILY = "scheduling"
_PENDING = "has no node to run on"
_HOST_PORT = 9100


def _not_placed(text: str) -> Callable[[Case], Sequence[Symptom]]:
    def symptoms(case: Case) -> Sequence[Symptom]:
        return (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", text),
            *down(case),
        )

    return symptoms


def _fresh(case: Case, values: Json) -> Sequence[Change]:
    return (spec(case, lambda pod: pod.update(values), fresh=True),)


def _node(case: Case) -> Sequence[Change]:
    return _fresh(case, {"nodeSelector": {"kubernetes.io/hostname": named(case, "node")}})


def _required(rule: str, terms: object) -> Json:
    return {"affinity": {rule: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def _affinity(case: Case) -> Sequence[Change]:
    match = {"key": "node-pool", "operator": "In", "values": [named(case, "pool")]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [match]}]}
    return _fresh(case, _required("nodeAffinity", terms))


def _near(case: Case, selector: Json, rule: str) -> Sequence[Change]:
    # every node has the same operating system: the rule speaks of the whole cluster
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/os"}
    return _fresh(case, _required(rule, [term]))


def _apart(case: Case) -> Sequence[Change]:
    everything = {"matchExpressions": [{"key": case.app.label, "operator": "Exists"}]}
    return _near(case, everything, "podAntiAffinity")


def _together(case: Case) -> Sequence[Change]:
    nobody = {"matchLabels": {case.app.label: f"{case.target}-cache"}}
    return _near(case, nobody, "podAffinity")


def _taint(case: Case) -> Sequence[Change]:
    taint = TaintNodes("dedicated", named(case, "pool"), case.target, case.kind)
    return (taint, Restart(case.target, case.kind))


def _nodes(case: Case) -> Sequence[ObjectRef]:
    # every node is tainted: which one is named is not told apart
    return (*(case.ref("Node", f"node-{number}") for number in (1, 2, 3)), case.workload)


def _host_port(case: Case) -> Sequence[Change]:
    name = named(case, "agent")
    labels = {"app": name}
    container = {
        "name": name,
        "image": case.service.image,
        "command": ["sleep", "infinity"],
        "ports": [{"containerPort": _HOST_PORT, "hostPort": _HOST_PORT}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    agent = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }

    def breaks(item: Json) -> None:
        ports = case.main(item).setdefault("ports", [])
        ports.append({"containerPort": _HOST_PORT, "hostPort": _HOST_PORT, "protocol": "TCP"})

    edit = Edit(case.kind, case.target, breaks, fresh=True, accepts=lambda item: _free(case, item))
    return (Scenery(Add("DaemonSet", agent)), edit)


def _free(case: Case, item: Json) -> bool:
    return all(p.get("hostPort") != _HOST_PORT for p in case.main(item).get("ports") or ())


def _asks_cpu(app: App, service: Service) -> bool:
    return "cpu" in service.requests


def _crowd(case: Case) -> Sequence[Change]:
    return (Crowd(named(case, "batch"), named(case, "priority"), case.service.image),)


def _crowd_refs(case: Case) -> Sequence[ObjectRef]:
    return (
        case.ref("Deployment", named(case, "batch")),
        case.ref("PriorityClass", named(case, "priority")),
    )


_DOWN = _not_placed("node(s) didn't match")

KINDS = (
    Kind(
        "node_selector_missing_node",
        _FAMILY,
        "the node selector asks for a node that does not exist",
        ("scheduling.node_selector",),
        needed(deployment),
        _node,
        _DOWN,
        effect=_PENDING,
        origin="AIOpsLab assign_to_non_existent_node_social_net; ITBench 33",
    ),
    Kind(
        "node_affinity_impossible",
        _FAMILY,
        "the required node affinity matches no node",
        ("scheduling.node_selector",),
        needed(deployment),
        _affinity,
        _DOWN,
        effect=_PENDING,
        origin="AIOpsLab invalid_affinity_toleration (TiDB, commented out)",
    ),
    Kind(
        "pod_anti_affinity_deadlock",
        _FAMILY,
        "the required anti-affinity excludes every node",
        ("scheduling.pod_affinity",),
        needed(deployment),
        _apart,
        _not_placed("anti-affinity"),
        effect=_PENDING,
        origin="SREGym pod_anti_affinity_deadlock; ITBench 44",
    ),
    Kind(
        "pod_affinity_missing",
        _FAMILY,
        "the required affinity is to pods that do not exist",
        ("scheduling.pod_affinity",),
        needed(deployment),
        _together,
        _not_placed("pod affinity rules"),
        effect=_PENDING,
        origin="SREGym pod_anti_affinity_deadlock (variant)",
    ),
    Kind(
        "nodes_tainted",
        _FAMILY,
        "all nodes have a taint that the workload does not tolerate, and it is restarted",
        ("scheduling.taint",),
        needed(deployment),
        _taint,
        _not_placed("taint"),
        effect=_PENDING,
        blame=_nodes,
        repairs=lambda case: (
            Repair("change", case.ref("Node", "node-1"), "remove the taint from a node"),
            Repair("change", case.workload, "add a toleration"),
        ),
        origin="SREGym taint_no_toleration",
    ),
    Kind(
        "nodes_cordoned",
        _FAMILY,
        "all nodes are cordoned, and the workload is restarted",
        ("scheduling.cordoned",),
        needed(deployment),
        lambda case: (CordonNodes(), Restart(case.target, case.kind)),
        _not_placed("unschedulable"),
        effect=_PENDING,
        blame=_nodes,
        repairs=lambda case: (Repair("change", case.ref("Node", "node-1"), "uncordon a node"),),
        origin="ITBench 39",
    ),
    Kind(
        "scheduler_missing",
        _FAMILY,
        "the pods ask for a scheduler that does not run",
        ("scheduling.scheduler_missing",),
        needed(deployment),
        lambda case: _fresh(case, {"schedulerName": named(case, "scheduler")}),
        lambda case: (status(case.target, "Pending"), *down(case)),
        effect=_PENDING,
        origin="SREGym (scheduling family, variant)",
    ),
    Kind(
        "priority_class_missing",
        _FAMILY,
        "the pods refer to a PriorityClass that does not exist",
        ("scheduling.priority_class_missing",),
        needed(deployment),
        lambda case: _fresh(case, {"priorityClassName": named(case, "priority")}),
        lambda case: (event(case.target, "FailedCreate", "PriorityClass"), *down(case)),
        effect="gets no pods",
        origin="SREGym priority_preemption_cascade (variant)",
    ),
    Kind(
        "priority_preemption",
        _FAMILY,
        "a workload of higher priority fills the nodes and pushes others away",
        ("scheduling.preempted",),
        needed(deployment, _asks_cpu),
        _crowd,
        lambda case: (event(case.target, "Preempted"), status(case.target, "Unschedulable")),
        effect="was preempted and has no node to run on",
        blame=_crowd_refs,
        repairs=lambda case: (
            Repair("scale", _crowd_refs(case)[0]),
            Repair("delete", _crowd_refs(case)[0]),
        ),
        origin="SREGym priority_preemption_cascade; ITBench 42",
        recover_seconds=900,
        unfit={"kube": "fills the real nodes, which others use too"},
    ),
    Kind(
        "host_port_conflict",
        _FAMILY,
        "the pods ask for a host port that a DaemonSet has taken on every node",
        ("config.port_conflict",),
        needed(deployment),
        _host_port,
        _not_placed("free ports"),
        effect=_PENDING,
        origin="SREGym service_port_conflict",
    ),
)
