"""LimitRanger: defaults, minima, maxima and ratios of a namespace's LimitRanges."""

from __future__ import annotations

from decimal import Decimal

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import forbidden
from eval.environments.emulator.cluster.quantity import format_quantity, pod_requests, quantity
from eval.environments.emulator.cluster.store import Store


def set_defaults(store: Store, pod: Json, namespace: str) -> None:
    """Give containers the namespace's default requests and limits. Changes `pod`."""
    added: list[str] = []
    for item in _items(store, namespace, "Container"):
        limits = item.get("default") or item.get("max") or {}
        requests = item.get("defaultRequest") or item.get("default") or item.get("min") or {}
        for container in pod["spec"]["containers"]:
            resources = container.setdefault("resources", {})
            for section, amounts in (("requests", requests), ("limits", limits)):
                new = sorted(set(amounts) - set(resources.get(section) or {}))
                for name in new:
                    resources.setdefault(section, {})[name] = amounts[name]
                if new:
                    what = f"{', '.join(new)} {section[:-1]}"
                    added.append(f"{what} for container {container['name']}")
    if added:
        note = f"LimitRanger plugin set: {'; '.join(added)}"
        pod["metadata"].setdefault("annotations", {})["kubernetes.io/limit-ranger"] = note


def check_pod(store: Store, pod: Json, namespace: str) -> None:
    """Refuse a pod outside the namespace's limits. Raises `ApiError` 403."""
    problems: list[str] = []
    for item in _items(store, namespace, "Container"):
        for container in pod["spec"]["containers"]:
            resources = container.get("resources") or {}
            requests = _amounts(resources.get("requests"))
            limits = _amounts(resources.get("limits"))
            problems += _check("Container", item, requests, limits)
    for item in _items(store, namespace, "Pod"):
        problems += _check("Pod", item, pod_requests(pod), pod_requests(pod, "limits"))
    if problems:
        raise forbidden("", "pods", pod["metadata"]["name"], _joined(problems))


def check_claim(store: Store, claim: Json, namespace: str) -> None:
    """Refuse a claim outside the namespace's limits. Raises `ApiError` 403."""
    requests = _amounts(((claim["spec"].get("resources") or {}).get("requests")) or {})
    problems: list[str] = []
    for item in _items(store, namespace, "PersistentVolumeClaim"):
        for name, amount in sorted((item.get("min") or {}).items()):
            have = requests.get(name)
            if have is not None and have < quantity(amount):
                problems.append(
                    f"minimum {name} usage per PersistentVolumeClaim is {amount},"
                    f" but request is {format_quantity(have, 'i')}"
                )
        for name, amount in sorted((item.get("max") or {}).items()):
            have = requests.get(name)
            if have is not None and have > quantity(amount):
                problems.append(
                    f"maximum {name} usage per PersistentVolumeClaim is {amount},"
                    f" but request is {format_quantity(have, 'i')}"
                )
    if problems:
        name = claim["metadata"]["name"]
        raise forbidden("", "persistentvolumeclaims", name, _joined(problems))


def _items(store: Store, namespace: str, kind: str) -> list[Json]:
    return [
        item
        for limit_range in store.all("LimitRange", namespace)
        for item in limit_range["spec"].get("limits") or ()
        if item.get("type") == kind
    ]


def _check(
    kind: str, item: Json, requests: dict[str, Decimal], limits: dict[str, Decimal]
) -> list[str]:
    problems = []
    for name, amount in sorted((item.get("min") or {}).items()):
        request, limit = requests.get(name), limits.get(name)
        text = f"minimum {name} usage per {kind} is {amount}"
        if request is None:
            problems.append(f"{text}.  No request is specified")
        elif request < quantity(amount):
            problems.append(f"{text}, but request is {_text(name, request)}")
        elif limit is not None and limit < quantity(amount):
            problems.append(f"{text}, but limit is {_text(name, limit)}")
    for name, amount in sorted((item.get("max") or {}).items()):
        request, limit = requests.get(name), limits.get(name)
        text = f"maximum {name} usage per {kind} is {amount}"
        if limit is None:
            problems.append(f"{text}.  No limit is specified")
        elif limit > quantity(amount):
            problems.append(f"{text}, but limit is {_text(name, limit)}")
        elif request is not None and request > quantity(amount):
            problems.append(f"{text}, but request is {_text(name, request)}")
    for name, amount in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        request, limit = requests.get(name), limits.get(name)
        text = f"{name} max limit to request ratio per {kind} is {amount}"
        if not request or not limit:
            problems.append(f"{text}, but no request is specified or request is 0")
        elif limit / request > quantity(amount):
            problems.append(f"{text}, but provided ratio is {limit / request:.6f}")
    return problems


def _joined(problems: list[str]) -> str:
    return problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"


def _amounts(section: Json | None) -> dict[str, Decimal]:
    return {name: quantity(amount) for name, amount in (section or {}).items()}


def _text(name: str, amount: Decimal) -> str:
    return format_quantity(amount, "" if name == "cpu" else "i")
