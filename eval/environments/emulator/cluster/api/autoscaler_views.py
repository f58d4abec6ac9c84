"""HorizontalPodAutoscalers as the older API versions show them; they are stored as autoscaling/v2."""

from __future__ import annotations

import json

from connectors.api.values import Json

_CONDITION = ("type", "status", "lastTransitionTime", "reason", "message")
_PREFIX = "autoscaling.alpha.kubernetes.io/"


def to_v1(obj: Json) -> Json:
    """Return a v2 object as v1: one CPU target, the rest in annotations."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metrics, others = spec.pop("metrics", None) or [], []
    spec.pop("behavior", None)
    for metric in metrics:
        target = (metric.get("resource") or {}).get("target") or {}
        cpu = (metric.get("resource") or {}).get("name") == "cpu"
        if cpu and "averageUtilization" in target:
            spec["targetCPUUtilizationPercentage"] = target["averageUtilization"]
        else:
            others.append(_beta1_metric(metric, "target"))
    annotations = dict(obj["metadata"].get("annotations") or {})
    seen = []
    for metric in status.pop("currentMetrics", None) or []:
        current = (metric.get("resource") or {}).get("current") or {}
        if (metric.get("resource") or {}).get("name") == "cpu" and "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
        seen.append(_beta1_metric(metric, "current"))
    for name, value in (
        ("metrics", others),
        ("current-metrics", seen),
        ("conditions", [_ordered(item) for item in status.pop("conditions", None) or ()]),
    ):
        if value:
            annotations[_PREFIX + name] = json.dumps(value, separators=(",", ":"))
    meta = {**obj["metadata"], **({"annotations": annotations} if annotations else {})}
    return {**obj, "metadata": meta, "spec": spec, "status": status}


def _ordered(condition: Json) -> Json:
    return {name: condition[name] for name in _CONDITION if name in condition}


def from_v1(obj: Json) -> Json:
    """Return a v1 object as v2."""
    spec = dict(obj.get("spec") or {})
    meta = dict(obj.get("metadata") or {})
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = []
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    annotations = dict(meta.get("annotations") or {})
    for metric in json.loads(annotations.pop(_PREFIX + "metrics", "[]")):
        metrics.append(_main_metric(metric, "target"))
    for name in ("current-metrics", "conditions"):
        annotations.pop(_PREFIX + name, None)
    if "annotations" in meta:
        meta["annotations"] = annotations
    if metrics:
        spec["metrics"] = metrics
    status = dict(obj.get("status") or {})
    used = status.pop("currentCPUUtilizationPercentage", None)
    if used is not None:
        resource = {"name": "cpu", "current": {"averageUtilization": used}}
        status["currentMetrics"] = [{"type": "Resource", "resource": resource}]
    result = {**obj, "metadata": meta, "spec": spec}
    return {**result, "status": status} if "status" in obj else result


def to_beta1(obj: Json) -> Json:
    """Return a v2 object as v2beta1."""
    return _each(obj, _beta1_metric)


def from_beta1(obj: Json) -> Json:
    """Return a v2beta1 object as v2."""
    return _each(obj, _main_metric)


def _each(obj: Json, convert: object) -> Json:
    assert callable(convert)
    result = dict(obj)
    for part, field, side in (
        ("spec", "metrics", "target"),
        ("status", "currentMetrics", "current"),
    ):
        found = obj.get(part) or {}
        if found.get(field):
            result[part] = {**found, field: [convert(item, side) for item in found[field]]}
    return result


def _beta1_metric(metric: Json, side: str) -> Json:
    source = dict(metric.get("resource") or {})
    if metric.get("type") != "Resource":
        return metric
    values = source.pop(side, None) or {}
    for name in ("averageUtilization", "averageValue"):
        if name in values:
            source[f"{side}A{name[1:]}"] = values[name]
    return {"type": "Resource", "resource": source}


def _main_metric(metric: Json, side: str) -> Json:
    source = dict(metric.get("resource") or {})
    if metric.get("type") != "Resource":
        return metric
    values: Json = {}
    for name in ("averageUtilization", "averageValue"):
        old = source.pop(f"{side}A{name[1:]}", None)
        if old is not None:
            values[name] = old
    if side == "target":
        values["type"] = "Utilization" if "averageUtilization" in values else "AverageValue"
    return {"type": "Resource", "resource": {**source, side: values}}
