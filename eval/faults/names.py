"""Names that a team would give: what faults add must not look added."""

from __future__ import annotations

from collections.abc import Sequence

from eval.faults.case import Case

_TEAMS = ("payments", "platform", "edge", "core", "data", "search", "growth", "identity", "sre")
_WORDS = {
    "quota": ("compute-resources", "{team}-quota", "namespace-budget", "default-quota"),
    "limits": ("container-defaults", "{team}-limits", "resource-bounds", "default-limits"),
    "policy": ("{target}-ingress", "allow-{team}", "{team}-isolation", "{target}-access"),
    "egress": ("{target}-egress", "restrict-{team}", "{team}-outbound", "{target}-outbound"),
    "scheduler": ("{team}-scheduler", "bin-packing-scheduler", "batch-scheduler"),
    "priority": ("{team}-high", "latency-sensitive", "{team}-critical", "business-high"),
    "agent": ("node-agent", "log-forwarder", "{team}-collector", "host-metrics"),
    "batch": ("report-builder", "{team}-indexer", "{team}-etl", "warehouse-sync"),
    "account": ("{target}-sa", "{team}-runtime", "{target}-runner", "workload-{team}"),
    "webhook": ("{team}-policy", "image-policy", "{team}-admission", "pod-defaults"),
    "node": ("worker-7", "node-12", "pool-b-3", "worker-gpu-1"),
    "pool": ("{team}-pool", "highmem", "general-v2", "compute-optimized"),
    "version": ("v2", "stable", "blue", "2026-02"),
    "class": ("fast-ssd", "premium-rwo", "{team}-ssd", "gp3-encrypted"),
    "config": ("{target}-settings", "{team}-registry", "{team}-config", "{target}-discovery"),
    "host": ("{name}.{team}.internal", "{name}-v2", "{name}-primary", "{name}-int"),
    "sidecar": ("metrics", "{team}-agent", "log-shipper", "stats"),
}  # fmt: skip


def named(case: Case, what: str, name: str = "") -> str:
    """Choose a name for something of the given sort, always the same for a case."""
    team = case.pick(_TEAMS, f"team {what}")
    chosen: Sequence[str] = _WORDS[what]
    return case.pick(chosen, what).format(team=team, target=case.target, name=name)
