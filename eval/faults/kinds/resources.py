"""Faults of resources: limits, requests, quotas, autoscaling."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Add, Change, Edit, Restart
from eval.faults.edits import container, down, edge, users_fail
from eval.faults.fits import deployment, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import event, obj, slow, status, usage
from eval.protocols import Repair

_FAMILY = "resources"
_OLD_SERVE = "does not get its new revision up; the old pods go on serving"
_NOT_CREATED = "gets no pods"
_TINY_MEMORY = "6Mi"


def _limit(name: str, amount: str) -> Json:
    """Limits and requests of one resource; a request may not exceed its limit."""
    return {"limits": {name: amount}, "requests": {name: amount}}


def _merge(main: Json, resources: Json) -> None:
    mine = main.setdefault("resources", {})
    for section, values in resources.items():
        mine.setdefault(section, {}).update(values)


def _memory(case: Case) -> Sequence[Change]:
    limit = _limit("memory", _TINY_MEMORY)
    return (container(case, lambda main: _merge(main, limit), fresh=True),)


def _demand(app: App, service: Service) -> float:
    """The cores that a service uses for its share of the users' requests."""
    per_second = app.workload.rate * app.exposure()[service.name]
    return per_second * service.usage.cpu_ms / 1000 + service.usage.idle_cores


def _cpu(case: Case) -> Sequence[Change]:
    cores = f"{max(1, round(_demand(case.app, case.service) * 500))}m"
    return (container(case, lambda main: _merge(main, _limit("cpu", cores))),)


def _request(name: str, amount: str, case: Case) -> Sequence[Change]:
    return (container(case, lambda main: _merge(main, _limit(name, amount))),)


def _quota(case: Case, hard: Json) -> Add:
    body = {"metadata": {"name": named(case, "quota")}, "spec": {"hard": hard}}
    return Add("ResourceQuota", body)


def _quota_pods(case: Case) -> Sequence[Change]:
    return (_quota(case, {"pods": "2"}), Restart(case.target, case.kind))


def _quota_memory(case: Case) -> Sequence[Change]:
    hard = {"requests.memory": "64Mi", "limits.memory": "64Mi"}
    return (_quota(case, hard), Restart(case.target, case.kind))


def _limits(case: Case, limit: Json) -> Sequence[Change]:
    body = {
        "metadata": {"name": named(case, "limits")},
        "spec": {"limits": [{"type": "Container", **limit}]},
    }
    return (Add("LimitRange", body), Restart(case.target, case.kind))


def _no_memory_limit(app: App, service: Service) -> bool:
    return "memory" not in service.limits and service.usage.memory_mb >= 12


def _quota_ref(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("ResourceQuota", named(case, "quota")),)


def _range_ref(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("LimitRange", named(case, "limits")),)


def _delete(refs: Sequence[ObjectRef]) -> Sequence[Repair]:
    return tuple(r for ref in refs for r in (Repair("change", ref), Repair("delete", ref)))


def _scaler(case: Case) -> str:
    return case.target


def _no_request(case: Case) -> Sequence[Change]:
    """The CPU request that the autoscaler's percentage is a percentage of goes away."""

    def breaks(main: Json) -> None:
        for section in ("requests", "limits"):
            (main.get("resources") or {}).get(section, {}).pop("cpu", None)

    return (container(case, breaks, exact=True),)


def _low_maximum(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        item["spec"].update(minReplicas=1, maxReplicas=1)
        for metric in item["spec"].get("metrics") or ():
            metric["resource"]["target"]["averageUtilization"] = 1
        if "targetCPUUtilizationPercentage" in item["spec"]:
            item["spec"]["targetCPUUtilizationPercentage"] = 1

    return (Edit("HorizontalPodAutoscaler", _scaler(case), breaks),)


KINDS = (
    Kind(
        "memory_limit_too_low",
        _FAMILY,
        "the memory limit is below what the program needs",
        ("resources.memory_limit_too_low",),
        needed(deployment, lambda app, s: s.usage.memory_mb >= 12),
        _memory,
        lambda case: (
            status(case.target, "OOMKilled"),
            event(case.target, "BackOff"),
            users_fail(case),
        ),
        effect="is OOM-killed again and again",
        origin="SREGym resource_request_too_small; ITBench 46",
        settle_seconds=240,
    ),
    Kind(
        "cpu_limit_too_low",
        _FAMILY,
        "the CPU limit is below what the program needs",
        ("resources.cpu_throttling",),
        needed(deployment, lambda app, s: _demand(app, s) >= 0.004),
        _cpu,
        lambda case: (usage("throttling", case.target), slow(edge(case))),
        effect="is throttled and answers slowly",
        harm="some",
        origin="SREGym cfs_cpu_throttling",
        settle_seconds=240,
    ),
    Kind(
        "cpu_request_too_large",
        _FAMILY,
        "the CPU request fits on no node",
        ("resources.request_too_large",),
        needed(deployment),
        lambda case: _request("cpu", "96", case),
        lambda case: (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", "Insufficient cpu"),
        ),
        effect=_OLD_SERVE,
        harm="",
        origin="SREGym resource_request_too_large",
    ),
    Kind(
        "memory_request_too_large",
        _FAMILY,
        "the memory request fits on no node",
        ("resources.request_too_large",),
        needed(deployment),
        lambda case: _request("memory", "768Gi", case),
        lambda case: (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", "Insufficient memory"),
        ),
        effect=_OLD_SERVE,
        harm="",
        origin="SREGym resource_request_too_large",
    ),
    Kind(
        "quota_pods",
        _FAMILY,
        "a ResourceQuota allows fewer pods than there are, and a workload is restarted",
        ("resources.quota_exceeded",),
        needed(deployment),
        _quota_pods,
        lambda case: (event(case.target, "FailedCreate", "exceeded quota"), *down(case)),
        effect=_NOT_CREATED,
        blame=_quota_ref,
        repairs=lambda case: _delete(_quota_ref(case)),
        origin="ITBench 52, 102",
        recover_seconds=1200,
    ),
    Kind(
        "quota_memory",
        _FAMILY,
        "a ResourceQuota on memory refuses pods that name no limits, or too much",
        ("resources.quota_exceeded",),
        needed(deployment),
        _quota_memory,
        lambda case: (event(case.target, "FailedCreate", "quota"), *down(case)),
        effect=_NOT_CREATED,
        blame=_quota_ref,
        repairs=lambda case: _delete(_quota_ref(case)),
        origin="SREGym namespace_memory_limit",
        recover_seconds=1200,
    ),
    Kind(
        "limit_range_maximum",
        _FAMILY,
        "a LimitRange forbids the CPU limit that the workload has",
        ("resources.limit_range",),
        needed(deployment, lambda app, s: "cpu" in s.limits),
        lambda case: _limits(case, {"max": {"cpu": "40m"}}),
        lambda case: (event(case.target, "FailedCreate", "maximum cpu usage"), *down(case)),
        effect=_NOT_CREATED,
        blame=_range_ref,
        repairs=lambda case: _delete(_range_ref(case)),
        origin="SREGym namespace_memory_limit (variant)",
        recover_seconds=1200,
    ),
    Kind(
        "limit_range_small_default",
        _FAMILY,
        "a LimitRange gives containers a default memory limit that is too low",
        ("resources.limit_range", "resources.memory_limit_too_low"),
        needed(deployment, _no_memory_limit),
        lambda case: _limits(
            case, {"default": {"memory": "6Mi"}, "defaultRequest": {"memory": "6Mi"}}
        ),
        lambda case: (status(case.target, "OOMKilled"), users_fail(case)),
        effect="is OOM-killed again and again",
        blame=lambda case: (*_range_ref(case), case.workload),
        repairs=lambda case: _delete(_range_ref(case)),
        origin="SREGym nightly_rebalance_oom, mutating_webhook_resource_limits (variants)",
        settle_seconds=240,
    ),
    Kind(
        "autoscaler_without_request",
        _FAMILY,
        "the autoscaler has no CPU request to compare the usage with",
        ("autoscaling.no_metrics",),
        needed(deployment, lambda app, s: s.autoscale is not None),
        _no_request,
        lambda case: (event(case.target, "FailedGetResourceMetric"),),
        effect="is no longer scaled",
        blame=lambda case: (case.ref("HorizontalPodAutoscaler", _scaler(case)), case.workload),
        harm="",
        origin="SREGym hpa_missing_effective_cpu_request",
    ),
    Kind(
        "autoscaler_at_limit",
        _FAMILY,
        "the autoscaler's maximum is what it has reached",
        ("autoscaling.at_limit",),
        needed(deployment, lambda app, s: s.autoscale is not None),
        _low_maximum,
        lambda case: (
            obj("HorizontalPodAutoscaler", _scaler(case), "spec.maxReplicas", 1),
            obj("HorizontalPodAutoscaler", _scaler(case), "status.conditions[].reason",
                "TooManyReplicas"),
        ),
        effect="is not scaled up",
        blame=lambda case: (case.ref("HorizontalPodAutoscaler", _scaler(case)),),
        harm="",
        origin="ITBench FinOps (autoscaler misconfiguration)",
    ),
)  # fmt: skip
