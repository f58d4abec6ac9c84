"""Argo CD's applications (argoproj.io/v1alpha1) as our deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.api.values import Delivery, Json

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Rollout", "Service", "CronJob")


def deliveries(application: Json) -> Iterator[Delivery]:
    """Yield what an application's history tells, and its last operation where that failed.

    Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for another shape.
    """
    name = str(application["metadata"]["name"])
    space = str(((application.get("spec") or {}).get("destination") or {}).get("namespace") or "")
    status = application.get("status") or {}
    names = tuple(
        dict.fromkeys(
            str(item["name"])
            for item in status.get("resources") or []
            if item.get("kind") in _WORKLOADS
        )
    )
    state = _state(status)
    history = sorted(status.get("history") or [], key=lambda entry: int(entry.get("id", 0)))
    before = ""
    for entry in history:
        revision = _revision(entry)
        text = f"Argo CD synced {_source(entry)} at {revision}"
        text += f", before {before}" if before and before != revision else ""
        text += state if entry is history[-1] else ""
        by = _author(entry.get("initiatedBy") or {})
        yield Delivery(
            datetime.fromisoformat(entry["deployedAt"]),
            space,
            f"application {name}",
            text,
            names,
            by,
        )
        before = revision
    operation = status.get("operationState") or {}
    if operation.get("phase") in ("Failed", "Error") and operation.get("finishedAt"):
        asked = operation.get("operation") or {}
        yield Delivery(
            datetime.fromisoformat(operation["finishedAt"]),
            space,
            f"application {name}",
            f"Argo CD could not sync ({operation['phase']}): {' '.join(str(operation.get('message', '')).split())[:300]}",
            names,
            _author(asked.get("initiatedBy") or {}),
        )


def _state(status: Json) -> str:
    sync = str((status.get("sync") or {}).get("status") or "")
    health = str((status.get("health") or {}).get("status") or "")
    words = ", ".join(filter(None, (sync, health)))
    return f"; now {words}" if words else ""


def _revision(entry: Json) -> str:
    several = entry.get("revisions") or []
    return ", ".join(str(one)[:12] for one in several) or str(entry.get("revision", ""))[:12] or "?"


def _source(entry: Json) -> str:
    source = entry.get("source") or (entry.get("sources") or [{}])[0]
    place = str(source.get("chart") or source.get("path") or "")
    repository = str(source.get("repoURL") or "").rpartition("@")[2].removesuffix(".git")
    return f"{repository} {place}".strip() or "its source"


def _author(by: Json) -> str:
    return str(by.get("username") or ("automated" if by.get("automated") else ""))
