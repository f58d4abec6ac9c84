"""Things worth knowing that are no symptoms: recent rollouts, past restarts, odd commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from copilot.evidence.analyzers.changed import _CAUSES
from copilot.evidence.case import Case
from copilot.evidence.changes import Change
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import (
    brief,
    containers,
    dig,
    is_true,
    parse_time,
    pod_spec,
    quantity,
    ref_of,
    statuses,
)

_STRENGTH, _LOWERED = 0.1, 0.35
_CACHE = re.compile(r"cache|(^|_)ttl|memoi[sz]e", re.I)
_NONE = frozenset({"0", "0s", "0m", "off", "false", "no", "none", "disabled", "noop", "null"})


def rollouts(case: Case) -> Iterator[Clue]:
    """Say what recent rollouts changed: candidates for whatever else is wrong with the workload."""
    for obj in case.snapshot.of("Deployment"):
        workload = ref_of(obj)
        changes = case.changes(workload)
        found = case.rollout(workload)
        if not changes or found is None:
            continue
        claims = []
        for change in changes:
            cause = _CAUSES["crash"].get(change.field) or _CAUSES["not_ready"].get(change.field)
            if cause is None or change.field.endswith("Probe"):
                continue
            facts: dict[str, Fact] = {
                "container": change.container,
                "rolled_out": 1,
                "field": change.field,
            }
            if change.field == "image":
                facts["previous_image"] = change.before
            lowered = change.path.endswith("limits/cpu") and _lowered(change.before, change.after)
            uncached = change.field == "env" and _uncached(change)
            if uncached:
                facts |= {"floods": 1, "setting": f"env {change.path.rpartition('/')[2]}"}
                facts["previous"] = change.before
            name = "resources.cpu_throttling" if change.path.endswith("/cpu") else cause[0]
            claims.append(
                Claim(
                    workload,
                    name,
                    _LOWERED if lowered or uncached else _STRENGTH,
                    f"its latest revision changed {change}"
                    + (", so that it asks what is behind it each time" if uncached else ""),
                    facts=facts,
                )
            )
        shown = "; ".join(str(c) for c in changes[:3])
        yield case.clue(
            "workload.rolled_out",
            workload,
            f"{workload.kind} {workload.name} was rolled out at {brief(found.at)}: {shown}",
            [changes[0].evidence],
            weight=0.0,
            onset=found.at,
            claims=claims,
        )


def _uncached(change: Change) -> bool:
    """Whether a setting that keeps answers for a while was switched off."""
    name = change.path.rpartition("/")[2]
    before, after = (text.strip('"').lower() for text in (change.before, change.after))
    return bool(_CACHE.search(name)) and after in _NONE and before not in {"", *_NONE}


def _lowered(before: str, after: str) -> bool:
    """Whether a limit was set where there was none, or to half of what it was or less."""
    old, new = quantity(before) if before else None, quantity(after) if after else None
    return new is not None and (old is None or new <= 0.5 * old)


def restarts(case: Case) -> Iterator[Clue]:
    """Remark on restarts of containers that run well now."""
    for obj in case.snapshot.workloads:
        workload = ref_of(obj)
        for pod in case.snapshot.pods(workload):
            for status in statuses(pod):
                last = dig(status, "lastState.terminated", {})
                ended = parse_time(last.get("finishedAt"))
                if not status.get("ready") or not last or not case.snapshot.is_recent(ended):
                    continue
                recent = bool(ended and case.now - ended < timedelta(minutes=5))
                why = (
                    f"container {status.get('name')} was restarted at {brief(ended)}"
                    f" ({last.get('reason')}, exit code {last.get('exitCode')}) and is ready again"
                )
                yield case.clue(
                    "pod.restarted",
                    workload,
                    f"{workload.kind} {workload.name}: {why}",
                    [case.ledger.state(pod, status, "lastState")],
                    weight=0.0,
                    onset=ended,
                    claims=[
                        Claim(
                            workload,
                            "resources.memory_limit_too_low"
                            if last.get("reason") == "OOMKilled"
                            else "pod.killed",
                            0.08 if recent else 0.03,
                            why,
                        )
                    ],
                )
                break


def borrowed_commands(case: Case) -> Iterator[Clue]:
    """A container that runs the program of another workload of the same image."""
    commands: dict[tuple[str, str], list[str]] = {}
    for obj in case.snapshot.workloads:
        for container in containers(pod_spec(obj)):
            words = [*(container.get("command") or []), *(container.get("args") or [])]
            if words:
                key = (str(container.get("image")), str(words[0]))
                commands.setdefault(key, []).append(obj["metadata"]["name"])
    for obj in case.snapshot.workloads:
        workload = ref_of(obj)
        for container in containers(pod_spec(obj)):
            words = [*(container.get("command") or []), *(container.get("args") or [])]
            if not words:
                continue
            program = str(words[0]).rpartition("/")[2]
            users = commands[str(container.get("image")), str(words[0])]
            if program == workload.name or program not in users or len(users) < 2:
                continue
            why = f'its command runs "{program}", which is the program of workload {program}'
            fresh = any(is_true(p, "Ready") for p in case.snapshot.pods(workload))
            yield case.clue(
                "workload.borrowed_command",
                workload,
                f"{workload.kind} {workload.name}: {why}",
                [
                    case.ledger.container(
                        obj, "spec.template.spec", str(container.get("name")), "command", words
                    )
                ],
                weight=0.5 if fresh else 0.3,
                claims=[
                    Claim(
                        workload,
                        "workload.bad_command",
                        0.88,
                        why,
                        facts={"container": str(container.get("name"))},
                    )
                ],
            )
