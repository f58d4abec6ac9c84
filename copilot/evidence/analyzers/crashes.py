"""Containers that end: exit codes, out of memory, unusable commands, killed by their probe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import changed, logclaims, names, probes, targets
from copilot.evidence.analyzers.references import claim_missing, missing_in
from copilot.evidence.analyzers.subject import Subject, total
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import created, dig, is_true, parse_time, quantity
from copilot.evidence.logclock import settled_at
from copilot.evidence.snapshot import event_first
from copilot.model.scope import ObjectRef

_OOM = re.compile(r"OOM-?killed|memory limit too low", re.I)
_ARCH = re.compile(r"exec format error", re.I)
_COMMAND = re.compile(
    r"executable file not found|no such file or directory|permission denied|not a directory|exec: ",
    re.I,
)
_MOUNT = re.compile(
    r"error mounting|mount a directory onto a file|failed to prepare subPath|mountpoint|error during container init: .{0,40}mount",
    re.I,
)
_SECURITY = re.compile(
    r"seccomp|apparmor|selinux|unknown capability|invalid capability|security options|no_new_privileges|user namespace",
    re.I,
)
_PORT = re.compile(r"hostPort|port is already allocated|address already in use", re.I)
_RECENT = timedelta(minutes=10)


def is_flapping(case: Case, status: Json, restarts: int = 2) -> bool:
    """Whether a container that runs now is likely to end again, as it did before.

    It is not with fewer than `restarts`, once it has clearly outlived its last run, or when that
    ended long ago.
    """
    last = dig(status, "lastState.terminated", {})
    ended, began = parse_time(last.get("finishedAt")), parse_time(last.get("startedAt"))
    started = parse_time(dig(status, "state.running.startedAt"))
    if int(status.get("restartCount", 0)) < restarts or not ended or not started:
        return False
    if case.now - ended > _RECENT:
        return False
    lived = (ended - began).total_seconds() if began else 0.0
    return (case.now - started).total_seconds() <= max(20.0, 1.5 * lived + 10.0)


def last_end(status: Json) -> Json:
    """Return how the container ended the last time."""
    found = dig(status, "state.terminated") or dig(status, "lastState.terminated") or {}
    return dict(found)


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say why a container does not stay up."""
    case, end = subject.case, last_end(subject.status)
    code, reason = int(end.get("exitCode", 0) or 0), str(end.get("reason", ""))
    message = " ".join(
        str(part)
        for part in (dig(subject.status, "state.waiting.message", ""), end.get("message", ""))
        if part
    )
    killed = subject.events("Unhealthy", containing="iveness probe") or subject.events(
        "Unhealthy", containing="tartup probe"
    )
    toward: ObjectRef | None = None
    if reason == "OOMKilled" or _OOM.search(message):
        claims, extra, why = _out_of_memory(subject, end, message)
        code_name = "pod.oom_killed"
    elif killed and total(killed) >= 2 and _was_killed(subject, code):
        yield from probes.liveness(subject, killed)
        return
    elif reason in ("StartError", "ContainerCannotRun") or _cannot_start(subject.status):
        claims, extra, why = _cannot_run(subject, message)
        code_name = "pod.cannot_run"
    else:
        claims, extra, why, toward = _by_itself(subject, code)
        code_name = "pod.init_failing" if subject.init else "pod.crash_loop"
    if subject.init:
        others = [c for c in claims if c.cause != "workload.crash_on_start"]
        claims = [*others, Claim(subject.workload, "init.failing", 0.7, why, facts=_facts(subject))]
    weight = subject.weight
    back = _dependency_back(subject, toward, end)
    if back is not None and toward is not None:
        why = f"{why}; {toward.name}, which it missed, is back since {_clock(back)}, and it waits out its back-off"
        claims, weight, toward = [Claim(subject.workload, "unknown", 0.3, why)], 0.6 * weight, None
    restarts = int(subject.status.get("restartCount", 0))
    backing_off = subject.events("BackOff", "Failed")
    evidence = [subject.quote_state()]
    if dig(subject.status, "lastState.terminated"):
        evidence.append(subject.quote_state("lastState"))
    evidence += [*extra, *subject.quote_events(backing_off[-2:])]
    kind = "init container" if subject.init else "container"
    yield case.clue(
        code_name,
        subject.workload,
        f"{subject.label}: {kind} {subject.container} does not stay up ({restarts} restarts): {why}",
        evidence,
        weight=weight,
        onset=_onset(subject, end),
        claims=claims,
        toward=toward,
    )


def _dependency_back(subject: Subject, toward: ObjectRef | None, end: Json) -> datetime | None:
    """Return since when a dependency is back that the last run ended for want of; else None."""
    ended = parse_time(end.get("finishedAt"))
    if toward is None or ended is None or "waiting" not in dig(subject.status, "state", {}):
        return None
    back = settled_at(subject.case, toward)
    places = targets.backing(subject.case, toward)
    well = bool(places) and all(
        any(is_true(pod, "Ready") for pod in subject.case.snapshot.pods(place)) for place in places
    )
    return back if back is not None and well and back > ended else None


def stuck(subject: Subject) -> Iterator[Clue]:
    """Say what an init container that runs on and on waits for."""
    case = subject.case
    started = parse_time(dig(subject.status, "state.running.startedAt"))
    found, evidence, toward = logclaims.for_container(subject)
    why = f"init container {subject.container} has been running since {_clock(started)} and does not finish"
    changes = changed.claims(subject, "init")
    claims = [
        Claim(subject.workload, "init.stuck", 0.8, why, facts=_facts(subject)),
        *found,
        *changes.claims,
    ]
    yield case.clue(
        "pod.init_stuck",
        subject.workload,
        f"{subject.label}: {why}",
        [subject.quote_state(), subject.quote_spec("command"), *evidence, *changes.evidence],
        weight=subject.weight,
        onset=started,
        claims=claims,
        toward=toward,
    )


def _was_killed(subject: Subject, code: int) -> bool:
    """Whether the kubelet ended the container, whatever code its program then gave."""
    return code in (0, 137, 143) or bool(subject.events("Killing", containing="probe"))


def _cannot_start(status: Json) -> bool:
    reason = str(dig(status, "state.waiting.reason", ""))
    return reason in ("CreateContainerError", "RunContainerError", "StartError") and not dig(
        status, "lastState.terminated.startedAt"
    )


def _facts(subject: Subject) -> dict[str, Fact]:
    return {"container": subject.container}


def _out_of_memory(subject: Subject, end: Json, message: str) -> tuple[list[Claim], list[str], str]:
    case = subject.case
    limit = str(dig(subject.spec, "resources.limits.memory", "") or "")
    changes = [
        c
        for c in case.changes(subject.workload, "resources", container=subject.container)
        if c.path.endswith("memory")
    ]
    began, ended = parse_time(end.get("startedAt")), parse_time(end.get("finishedAt"))
    lived = (ended - began).total_seconds() if began and ended else 0.0
    growing = any(
        u.resource == "memory" and u.growing and u.container in ("", subject.container)
        for u in case.snapshot.telemetry.usages
        if u.pod == dig(subject.pod, "metadata.name")
    )
    facts: dict[str, Fact] = {"container": subject.container, "limit": limit, "lived": int(lived)}
    lowered = False
    for change in changes:
        if change.path.endswith("limits/memory"):
            before, after = quantity(change.before), quantity(change.after)
            lowered = bool(after and (before is None or after < before))
            facts["previous_limit"] = change.before
    if lowered or _OOM.search(message) or lived < 60:
        low, leak = 0.95, 0.03
    elif lived > 600 or growing:
        low, leak = 0.35, 0.6
    else:
        low, leak = 0.7, 0.27
    why = (
        f"killed for lack of memory at its limit of {limit}"
        if limit
        else "killed for lack of memory"
    )
    why += f", {lived:.0f} s after it started" if began and ended else ""
    claims = [
        *_full_store(subject, lowered=lowered, growing=growing, why=why),
        Claim(subject.workload, "resources.memory_limit_too_low", low, why, facts=facts),
        Claim(subject.workload, "resources.memory_leak", leak, why, facts=facts),
    ]
    return claims, [subject.quote_spec("resources"), *(c.evidence for c in changes[:1])], why


def _full_store(subject: Subject, *, lowered: bool, growing: bool, why: str) -> list[Claim]:
    """A store keeps its data in memory: one that ran well before was filled."""
    long = int(subject.status.get("restartCount", 0)) <= 3
    if lowered or not targets.looks_like_store(subject.case, subject.workload) or not long:
        return []
    strength = 0.75 if growing else 0.6
    return [
        Claim(
            subject.workload, "database.memory_full", strength, f"{why}: what it holds outgrew it"
        )
    ]


def _cannot_run(subject: Subject, message: str) -> tuple[list[Claim], list[str], str]:
    workload, facts = subject.workload, _facts(subject)
    short = message[-240:] if len(message) > 240 else message
    missing = missing_in(message)
    if missing:
        claim, evidence = claim_missing(subject.case, workload, missing)
        return [claim], evidence, claim.because
    changes = changed.claims(subject, "crash")
    evidence = [subject.quote_spec("command"), *changes.evidence]
    if _MOUNT.search(message):
        why = f"what it mounts does not fit its file system: {short}"
        return [Claim(workload, "storage.mount_failed", 0.9, why, facts=facts)], evidence, why
    if _SECURITY.search(message):
        why = f"its security context cannot be applied: {short}"
        return [Claim(workload, "security.pod_security", 0.9, why, facts=facts)], evidence, why
    if _ARCH.search(message):
        why = "the program is not built for the node's architecture"
        return [Claim(workload, "image.wrong_architecture", 0.9, why)], evidence, why
    if _PORT.search(message):
        why = f"a port that it claims is taken: {short}"
        return [Claim(workload, "config.port_conflict", 0.9, why, facts=facts)], evidence, why
    if _COMMAND.search(message):
        why = f"its command cannot be run: {short}"
        return [Claim(workload, "workload.bad_command", 0.96, why, facts=facts)], evidence, why
    why = f"the container cannot be started: {short}"
    return (
        [Claim(workload, "workload.bad_command", 0.5, why, facts=facts), *changes.claims],
        evidence,
        why,
    )


def _by_itself(subject: Subject, code: int) -> tuple[list[Claim], list[str], str, ObjectRef | None]:
    """A program that ended by itself: its last words, its exit code, what was changed."""
    workload, facts = subject.workload, _facts(subject)
    said, evidence, toward = logclaims.for_container(subject)
    changes = changed.claims(subject, "crash")
    if toward is not None:
        # Its last words name a dependency: what else its rollout changed is less suspicious.
        changes = changed.Changed(tuple(c.times(0.35) for c in changes.claims), changes.evidence)
    why = {
        0: "the program ends by itself without an error (exit code 0)",
        126: "its command is not executable (exit code 126)",
        127: "its command is not found (exit code 127)",
        139: "the program crashes (exit code 139, segmentation fault)",
    }.get(code, f"the program exits by itself with code {code}")
    tail = logclaims.last_words(subject)
    evidence = [*evidence, *tail]
    own: list[Claim] = _own_dns(subject, toward)
    if code in (126, 127, 128):
        own.append(Claim(workload, "workload.bad_command", 0.92, why, facts=facts))
    elif code == 0:
        own.append(Claim(workload, "workload.bad_command", 0.45, why, facts=facts))
        own.append(Claim(workload, "workload.crash_on_start", 0.4, why, facts=facts))
    else:
        specific = max((c.strength for c in (*said, *changes.claims)), default=0.0)
        strength = 0.7 if specific < 0.25 else 0.3 if specific < 0.5 else 0.12
        well = toward is not None and _well_without(subject, toward)
        if toward is not None and not well:
            strength = min(strength, 0.15)  # it ends for want of something else
        elif toward is not None and not changes.claims and _ran_before(subject):
            # It came up before as it is, and what it calls is as it was: its host is what is between.
            strength = min(strength, 0.3)
            told = f"{why}: it reaches {toward.name} no more, which is as well as before"
            own.append(Claim(workload, "node.resource_exhausted", 0.45, told, facts=facts))
        own.append(Claim(workload, "workload.crash_on_start", strength, why, facts=facts))
    return [*said, *changes.claims, *own], [*evidence, *changes.evidence], why, toward


def _well_without(subject: Subject, toward: ObjectRef) -> bool:
    """Whether a dependency that gives no answer is as it was, ready, and nobody else misses it."""
    case, workload = subject.case, subject.workload
    said = {i.kind for i in case.issues if i.workload == workload and i.blames}
    others = [i for i in case.issues if i.workload != workload and i.ongoing]
    pods = [p for place in targets.backing(case, toward) for p in case.snapshot.pods(place)]
    return (
        not said & {"refused", "dns"}
        and bool(pods)
        and all(is_true(p, "Ready") and not case.snapshot.is_recent_object(p) for p in pods)
        and not any(targets.target(case, i) == toward for i in others)
    )


def _ran_before(subject: Subject) -> bool:
    """Whether this very pod has been up from before the window on, as it is."""
    made = created(subject.pod)
    return made is not None and not subject.case.snapshot.is_recent(made)


def _own_dns(subject: Subject, toward: ObjectRef | None) -> list[Claim]:
    """A pod that asks other name servers than the cluster's finds no Service by its name."""
    own = names.own_servers(subject.case, subject.workload)
    if toward is None or not own:
        return []
    why = f"its {own} keeps it from resolving {toward.name}, without which it ends"
    return [Claim(subject.workload, "network.dns", 0.85, why)]


def _onset(subject: Subject, end: Json) -> datetime | None:
    """The beginning of the trouble: the rollout, else the first back-off of this pod."""
    found = subject.case.rollout(subject.workload)
    if found and subject.case.snapshot.is_recent(found.at):
        return found.at
    events = subject.events("BackOff", "Failed", "Unhealthy", "Killing")
    return (event_first(events[0]) if events else None) or parse_time(end.get("finishedAt"))


def _clock(moment: datetime | None) -> str:
    return moment.strftime("%H:%M:%S UTC") if moment else "its start"
