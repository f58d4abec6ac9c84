"""Passwords from Secrets: which one was edited, and whether its readers have started since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from copilot.evidence.case import Case
from copilot.evidence.kube import brief, containers, dig, edit_time, parse_time, statuses
from copilot.model.scope import ObjectRef


@dataclass(frozen=True, slots=True)
class EditedSecret:
    """A Secret that a workload takes variables from, edited at `when` within the period.

    `key` is the one edited, "" where the writer recorded none. `reread`: all its containers have
    been started since, so that starting them once more changes nothing.
    """

    secret: ObjectRef
    key: str
    when: datetime
    reread: bool


def edited(case: Case, ref: ObjectRef) -> EditedSecret | None:
    """Return the Secret that was edited last of those that a workload takes variables from."""
    found: list[EditedSecret] = []
    for name, key in _read(case, ref):
        secret = ObjectRef("Secret", ref.namespace, name)
        obj = case.snapshot.get(secret)
        when = edit_time(obj, ("f:data",)) if obj else None
        if obj is None or when is None or not case.snapshot.is_known_period(when):
            continue
        keys = {
            str(field).removeprefix("f:")
            for entry in dig(obj, "metadata.managedFields", []) or []
            if parse_time(entry.get("time")) == when
            for field in dig(entry, "fieldsV1.f:data", {}) or {}
        }
        if not key or not keys or key in keys:
            found.append(EditedSecret(secret, key, when, _started_since(case, ref, when)))
    return max(found, key=lambda e: (e.when, e.key), default=None)


def _read(case: Case, ref: ObjectRef) -> Iterator[tuple[str, str]]:
    """Yield the names and keys of the Secrets that variables come from; key "" for all of one."""
    for container in containers(case.snapshot.spec(ref)):
        for item in container.get("env") or []:
            chosen = dig(item, "valueFrom.secretKeyRef", {}) or {}
            if chosen.get("name"):
                yield str(chosen["name"]), str(chosen.get("key", ""))
        for source in container.get("envFrom") or []:
            if dig(source, "secretRef.name"):
                yield str(dig(source, "secretRef.name")), ""


def _started_since(case: Case, ref: ObjectRef, when: datetime) -> bool:
    starts = [
        parse_time(
            dig(status, "state.running.startedAt")
            or dig(status, "state.terminated.startedAt")
            or dig(status, "lastState.terminated.startedAt")
        )
        for pod in case.snapshot.pods(ref)
        for status in statuses(pod)
    ]
    return bool(starts) and all(start is not None and start > when for start in starts)


def by_hand(case: Case, ref: ObjectRef) -> tuple[str, str]:
    """Return what a person does about a value that was edited and is refused, and the command; ("", "") without one.

    No value of a Secret is read here, so that only a person can see what is wrong with it.
    """
    found = edited(case, ref)
    if found is None or not found.reread:
        return "", ""
    secret, key, space = found.secret.name, found.key or "<key>", ref.namespace
    text = (
        f"Correct key {key} of Secret {secret}, edited at {brief(found.when)}: {ref.name} has started since, and is "
        "refused with it. A line break or a blank at its end is the usual slip"
    )
    path = key.replace(".", "\\.")
    value = f"kubectl get secret {secret} -n {space} -o jsonpath='{{.data.{path}}}' | base64 -d"
    stripped = f"{value} | tr -d '\\r\\n' | sed 's/ *$//' | base64 -w0"
    look = f"{value} | tail -c 1 | od -c"
    patch = f'{{\\"data\\":{{\\"{key}\\":\\"$({stripped})\\"}}}}'
    again = f"kubectl rollout restart {ref.kind.lower()}/{ref.name} -n {space}"
    return text, f'{look}\nkubectl patch secret {secret} -n {space} -p "{patch}"\n{again}'
