"""Probes that fail: does the probe ask for the wrong thing, or is the program unwell?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connectors.api.values import Json
from copilot.evidence.analyzers import changed, logclaims
from copilot.evidence.analyzers.subject import Subject, total
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import condition, dig, parse_time
from copilot.evidence.logscan import listening
from copilot.evidence.ports import numbers_of, resolve_port
from copilot.evidence.snapshot import event_count, event_first, event_time

_STATUS = re.compile(r"statuscode: (\d+)")
_REFUSED = re.compile(r"connection refused|failed to connect service|no route to host", re.I)
_TIMEOUT = re.compile(r"timeout|timed out|deadline exceeded", re.I)
_UNKNOWN_RPC = re.compile(r"unimplemented|unknown service|does not implement", re.I)
_SCHEME = re.compile(
    r"malformed HTTP|HTTPS client|first record does not look like|transport connection broken|http2: frame|tls: ",
    re.I,
)
_NO_PROGRAM = re.compile(
    r"not found|no such file|executable file|permission denied|exec failed", re.I
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`wrong` is the probability that the probe itself is wrong; `kind` how it fails."""

    wrong: float
    kind: str
    why: str
    evidence: tuple[str, ...] = ()
    served: int | None = None


def is_failing(case: Case, pod: Json, status: Json) -> bool:
    """Whether a container that is not ready is past a normal start.

    An answer with the wrong status counts at once, and so does a connection that is refused at a
    port which the container does not declare; any other refused connection only after a while.
    """
    failures = [
        e
        for e in case.snapshot.pod_events(pod)
        if e.get("reason") == "Unhealthy"
        and f"{{{status.get('name')}}}"
        in str(dig(e, "involvedObject.fieldPath", "{" + str(status.get("name")) + "}"))
    ]
    fresh = [e for e in failures if (event_time(e) or case.now) > case.now - timedelta(minutes=3)]
    answered = sum(event_count(e) for e in fresh if _STATUS.search(str(e.get("message", ""))))
    if answered >= 3:
        return True
    container: Json = next(
        (c for c in dig(pod, "spec.containers", []) if c.get("name") == status.get("name")), {}
    )
    probe = container.get("readinessProbe") or {}
    refused = sum(event_count(e) for e in fresh if _REFUSED.search(str(e.get("message", ""))))
    handler = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc") or {}
    declared = numbers_of(container)
    if refused >= 2 and declared and handler:
        asked = resolve_port(handler.get("port"), container)
        if asked is not None and asked not in declared:
            return True
    delay = int(probe.get("initialDelaySeconds") or 0)
    grace = min(max(25.0, delay + 3.0 * int(probe.get("periodSeconds") or 10)), 90.0)
    if _not_started(container, status) and not status.get("restartCount"):
        # Until then no other probe is asked, and the program may take all the time that it is given.
        grace = max(grace, min(_allowed(container["startupProbe"]), 600.0))
    if not case.is_starting(pod, status, grace):
        ready = condition(pod, "Ready") or {}
        since = parse_time(ready.get("lastTransitionTime"))
        # A container that was ready and just stopped being so gets a moment, too.
        return bool(failures) or not since or case.now - since > timedelta(seconds=15)
    return False


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say why a running container is not ready."""
    case, workload = subject.case, subject.workload
    if _not_started(subject.spec, subject.status):
        yield from liveness(subject, subject.events("Unhealthy", containing="tartup probe"))
        return
    events = subject.events("Unhealthy", containing="eadiness probe")
    probe = subject.spec.get("readinessProbe") or {}
    changes = changed.claims(subject, "not_ready")
    judged = judge(subject, probe, _text(events), others=("livenessProbe", "startupProbe"))
    judged = _unchanged(judged, changes)
    name = f"{subject.label}: container {subject.container} runs but is not ready"
    said, evidence, toward = logclaims.for_container(subject)
    facts: dict[str, Fact] = {"container": subject.container, "probe": "readinessProbe"}
    if judged.served:
        facts["port"] = judged.served
    claims: list[Claim] = []
    if events or probe:
        claims.append(
            Claim(workload, "probe.readiness_misconfigured", judged.wrong, judged.why, facts=facts)
        )
    # A probe that is clearly wrong makes every other explanation superfluous.
    rest = 1.0 - judged.wrong
    claims += [claim.times(max(rest, 0.4)) for claim in said]
    claims += [
        c.times(1.0 if c.cause.startswith("probe.") else max(rest, 0.3)) for c in changes.claims
    ]
    if not said and judged.kind == "error":
        claims.append(
            Claim(workload, "application.errors", 0.62 * rest / 0.88, judged.why, facts=facts)
        )
    elif not said and judged.kind == "timeout":
        claims.append(Claim(workload, "application.slow", 0.45, judged.why, facts=facts))
    elif not said and not changes.claims:
        # A probe that fails without a reason says little; no probe at all says nothing.
        cause, strength = ("application.errors", 0.35 * rest) if events else ("unknown", 0.15)
        claims.append(Claim(workload, cause, strength, judged.why, facts=facts))
    quoted = [subject.quote_spec("readinessProbe")] if probe else [subject.quote_state()]
    yield case.clue(
        "pod.not_ready",
        workload,
        f"{name}: {judged.why}",
        [
            *subject.quote_events(events[-3:]),
            *quoted,
            *judged.evidence,
            *evidence,
            *changes.evidence,
        ],
        weight=subject.weight,
        onset=_onset(subject, events),
        claims=claims,
        toward=toward,
    )


def _not_started(container: Json, status: Json) -> bool:
    return status.get("started") is False and bool(container.get("startupProbe"))


def _allowed(probe: Json) -> float:
    """Return how many seconds a probe may fail from the start on before the container is killed."""
    period = int(probe.get("periodSeconds") or 10)
    return int(probe.get("initialDelaySeconds") or 0) + period * int(
        probe.get("failureThreshold") or 3
    )


def liveness(subject: Subject, events: Sequence[Json]) -> Iterator[Clue]:
    """Say why a liveness or startup probe keeps killing a container."""
    case, workload = subject.case, subject.workload
    startup = all("tartup probe" in str(e.get("message", "")) for e in events)
    field = "startupProbe" if startup else "livenessProbe"
    cause = "probe.startup_misconfigured" if startup else "probe.liveness_misconfigured"
    probe = subject.spec.get(field) or {}
    changes = changed.claims(subject, "liveness")
    plain = judge(subject, probe, _text(events), others=("readinessProbe",))
    judged = _unchanged(plain, changes)
    wrong, why = judged.wrong, judged.why
    allowed = int(_allowed(probe))
    impatient = allowed <= 15 and not subject.spec.get("startupProbe")
    if plain.kind in ("refused", "timeout") and plain.wrong < 0.8:
        end = dig(subject.status, "lastState.terminated", {}) or dig(
            subject.status, "state.terminated", {}
        )
        began, ended = parse_time(end.get("startedAt")), parse_time(end.get("finishedAt"))
        lived = (ended - began).total_seconds() if began and ended else 0.0
        if impatient or lived <= allowed + 35:
            wrong = 0.85 if impatient else 0.7
            why = (
                f"it is killed {lived:.0f} s after its start: the probe allows {allowed} s, and then"
                f" still finds {'nothing listening' if judged.kind == 'refused' else 'no answer'}"
            )
    said, evidence, toward = logclaims.for_container(subject)
    facts: dict[str, Fact] = {"container": subject.container, "probe": field, "allowed": allowed}
    if judged.served:
        facts["port"] = judged.served
    rest = 1.0 - wrong
    claims = [Claim(workload, cause, wrong, why, facts=facts)]
    claims += [c.times(max(rest, 0.4)) for c in said]
    claims += [
        c.times(1.0 if c.cause.startswith("probe.") else max(rest, 0.3)) for c in changes.claims
    ]
    if judged.kind == "error":
        claims.append(Claim(workload, "application.errors", 0.6 * rest / 0.8, why, facts=facts))
    elif judged.kind == "timeout":
        claims.append(Claim(workload, "application.slow", 0.5 * rest, why, facts=facts))
    killing = subject.events("Killing")
    again = bool(dig(subject.status, "lastState.terminated"))
    what = "is restarted again and again by" if again else "does not pass"
    yield case.clue(
        "pod.killed_by_probe",
        workload,
        f"{subject.label}: container {subject.container} {what} its {field}: {why}",
        [
            *subject.quote_events([*events[-2:], *killing[-1:]]),
            subject.quote_spec(field),
            subject.quote_state("lastState" if again else "state"),
            *judged.evidence,
            *evidence,
            *changes.evidence,
        ],
        weight=subject.weight,
        onset=_onset(subject, events),
        claims=claims,
        toward=toward,
    )


def _unchanged(judged: Judgement, changes: changed.Changed) -> Judgement:
    """Acquit a probe that the revision did not touch while it changed the program itself.

    The probe fitted before: what it asks for was moved away.
    """
    fields = {claim.facts.get("field") for claim in changes.claims}
    touched = any(str(field).endswith("Probe") for field in fields)
    if touched or not fields & {"image", "command", "args", "env", "envFrom"}:
        return judged
    return replace(judged, wrong=0.35 * judged.wrong)


def judge(subject: Subject, probe: Json, text: str, others: Sequence[str]) -> Judgement:
    """Weigh whether the probe is wrong, from how it fails and what the container serves."""
    target = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc") or {}
    where = target.get("port")
    number = resolve_port(where, subject.spec)
    path = f" {target.get('path', '/')}" if "httpGet" in probe else ""
    asked = f"the probe asks port {where}{path}"
    if isinstance(where, str) and number is None:
        return Judgement(0.96, "unnamed", f"{asked}, but the container names no such port")
    status = _STATUS.search(text)
    if status:
        code = int(status.group(1))
        if code >= 500:
            return Judgement(
                0.12, "error", f"{asked} and gets status {code}: the program says that it is unwell"
            )
        wrong = 0.75 if code in (401, 403, 429) else 0.92
        return Judgement(
            wrong, "status", f"{asked} and gets status {code}: the program does not serve that"
        )
    if _SCHEME.search(text):
        return Judgement(
            0.92, "status", f"{asked} by another protocol than the program speaks there"
        )
    if _REFUSED.search(text) and number is not None:
        return _refused(subject, probe, number, asked, others)
    if "exec" in probe:
        wrong = 0.9 if _NO_PROGRAM.search(text) else 0.35
        return Judgement(wrong, "exec", f"the probe's command fails: {text[-160:]}")
    if _UNKNOWN_RPC.search(text):
        return Judgement(0.9, "status", f"{asked}: the program does not serve that health service")
    if _TIMEOUT.search(text):
        seconds = int(probe.get("timeoutSeconds") or 1)
        return Judgement(0.3, "timeout", f"{asked} and gets no answer within {seconds} s")
    heard = listening(subject.case.snapshot, subject.pod)
    if not text and number is not None and heard and number not in heard:
        return Judgement(
            0.9, "other", f"{asked}, but the program listens on port {next(iter(heard))}"
        )
    return Judgement(0.2, "other", text[-160:] or "it never became ready")


def _refused(
    subject: Subject, probe: Json, number: int, asked: str, others: Sequence[str]
) -> Judgement:
    case = subject.case
    heard = listening(case.snapshot, subject.pod)
    declared = numbers_of(subject.spec)
    if heard and number not in heard:
        port, (query, line) = next(iter(heard.items()))
        quoted = case.ledger.lines(query, [line], (subject.workload,))
        return Judgement(
            0.95, "refused", f"{asked}, but the program listens on port {port}", (quoted,), port
        )
    if number in heard:
        return Judgement(
            0.1, "refused", f"{asked} and is refused, though the program says it listens there"
        )
    for name in others:
        other = subject.spec.get(name) or {}
        aim = other.get("httpGet") or other.get("tcpSocket") or other.get("grpc") or {}
        aimed = resolve_port(aim.get("port"), subject.spec)
        failing = subject.events("Unhealthy", containing=name.removesuffix("Probe")[1:] + " probe")
        if aimed and aimed != number and not failing:
            why = f"{asked} and is refused, while the {name} at port {aimed} passes"
            return Judgement(0.93, "refused", why, (), aimed)
    serving = _served_by_services(case, subject)
    if declared and number not in declared:
        port = next((p for p in declared if p in serving), next(iter(declared)))
        why = f"{asked} and is refused; the container declares port {port} instead"
        return Judgement(0.93, "refused", why, (subject.quote_spec("ports"),), port)
    if serving and number not in serving:
        port = next(iter(serving))
        return Judgement(
            0.8, "refused", f"{asked} and is refused; its Service uses port {port}", (), port
        )
    return Judgement(0.2, "refused", f"{asked} and is refused: nothing listens there")


def _served_by_services(case: Case, subject: Subject) -> list[int]:
    found: list[int] = []
    for ref in case.snapshot.services_of(subject.workload):
        for port in dig(case.snapshot.get(ref), "spec.ports", []) or []:
            number = resolve_port(port.get("targetPort", port.get("port")), subject.spec)
            if number:
                found.append(number)
    return found


def _text(events: Sequence[Json]) -> str:
    """Return the messages of the most frequent failure first, so that it decides."""
    ordered = sorted(
        events, key=lambda e: (-event_count(e), -(event_time(e) or _epoch(e)).timestamp())
    )
    return " | ".join(str(e.get("message", "")) for e in ordered[:1]) if ordered else ""


def _epoch(event: Json) -> Any:
    return parse_time("1970-01-01T00:00:00Z")


def _onset(subject: Subject, events: Sequence[Json]) -> Any:
    found = subject.case.rollout(subject.workload)
    if found and subject.case.snapshot.is_recent(found.at):
        return found.at
    if events and total(events):
        return event_first(events[0])
    return parse_time((condition(subject.pod, "Ready") or {}).get("lastTransitionTime"))
