"""Programs that live and do nothing: they wait for a lock, or try the same message again for ever."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact, one_line
from copilot.evidence.kube import brief, dig, is_true, name_of, namespace_of, ref_of
from copilot.evidence.loglines import ContainerLog, LogLine
from copilot.evidence.mounts import mounts
from copilot.evidence.request_labels import program_of
from copilot.evidence.signatures import classify
from copilot.model.scope import ObjectRef

_WAITS = re.compile(
    r"\b(still |is |am )?(waiting|blocked|wait) (for|on|until|to)\b|\b(held|owned|locked|taken|acquired) by\b"
    r"|\bnot yet\b|\bcould not (acquire|obtain|get)\b|\bfailed to acquire\b|\bunable to acquire\b"
    r"|\b(attempting|trying) to acquire\b|\bnot (the )?leader\b",
    re.I,
)
_LOCK = re.compile(
    r"\b(lock|lease|leader(ship)?|mutex|semaphore|election|held by|owned by)\b", re.I
)
_IDLE = re.compile(
    r"\bwait(ing|s)? (for|on) (an?y?|the|new|next|more|incoming|some|further)?\s*(new |next |incoming )?"
    r"(messages?|jobs?|tasks?|events?|work|requests?|connections?|changes?|signals?|data|records?|commands?"
    r"|clients?|updates?|input|items?|deliver\w+|notifications?|next)\b|\blistening\b|\bidle\b",
    re.I,
)
_HOLDER = re.compile(
    r"(?:(?:held|owned|locked|taken|acquired) by|holder(?:[ _]?identity)?(?: is)?[=:]?|(?:current )?leader(?: is|[=:]))"
    r"\s*[\"'(\[]?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)",
    re.I,
)
_PATH = re.compile(r"/[\w./-]+")
_LEASE = re.compile(r"\blease (?:lock )?[\"']?([a-z0-9-]+)/([a-z0-9][a-z0-9.-]*[a-z0-9])", re.I)
_AGAIN = re.compile(
    r"\brequeu\w*|\bredeliver\w*|\bre-?(?:try|tries|trying|tried|process\w*)\b|\bnack\w*|\bdead[ -]?letter\w*"
    r"|\bpoison\w*|\battempt\b|\bback (?:in|on|into) (?:the )?queue",
    re.I,
)
_MESSAGE = re.compile(
    r"\b(messages?|jobs?|tasks?|events?|records?|offsets?|payloads?|deliver\w+|items?|queue|topic|partition)\b",
    re.I,
)
_VARIES = re.compile(
    r"\b1[67]\d{8}(?:\d{3}|\.\d+)?\b|\d{4}-\d\d-\d\d[T ]?|\d\d:\d\d:\d\d[.,\d]*Z?|\b(?:attempt|retry|try|took|after|duration\w*|elapsed|delay|in)\W{1,3}\d[\w.]*"
    r"|\b\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds|m|min)\b|<[\d.]+>|\[\d+\]",
    re.I,
)
_TIMES = 5
_LASTS = timedelta(seconds=20)
_ALMOST_ALL = 0.8


@dataclass(frozen=True, slots=True)
class _Run:
    """A line that a program writes again and again until now, and from when on it writes little else."""

    lines: tuple[LogLine, ...]
    first: datetime
    share: float
    clean_before: bool

    @property
    def text(self) -> str:
        return self.lines[-1].text


def waiting(case: Case) -> Iterator[Clue]:
    """Report programs that have said nothing since some moment but that they wait for a lock."""
    for workload, pod, log in _logs(case):
        run = _repeated(case, log, waits)
        if run is None or run.share < _ALMOST_ALL or classify(run.text) is not None:
            continue
        match = _HOLDER.search(run.text)
        holder = match.group(1) if match else ""
        alive, gone = _holder(case, pod, holder)
        locked = bool(_LOCK.search(run.text))
        # One of several that may do the work waits by nature, and so does what has always waited.
        if alive or not (locked or gone) or not _matters(case, workload, pod, run, gone):
            continue
        held = _kept_in(case, workload, run.text, holder)
        why = f'since {brief(run.first)} it only logs "{one_line(run.text, 160)}"'
        if gone:
            why += f", and pod {holder} does not exist any more"
        if held is not None:
            why += f"; the lock is in {held.kind} {held.name}: release it there"
        strength = 0.85 if gone else 0.5
        also = (held,) if held is not None else ()
        facts: dict[str, Fact] = {"container": log.container, "stalled": 1}
        facts |= {"lock": f"{held.kind}/{held.name}"} if held is not None else {}
        facts |= {"holder": holder} if gone else {}
        cause = "queue.consumer_lag" if _consumes(case, workload) else "unknown"
        yield case.clue(
            "log.waiting",
            workload,
            f"{workload.kind} {workload.name} does no work: {why}",
            [_quote(case, pod, log, run), *_shown(case, held)],
            weight=0.8 if gone else 0.6,
            onset=run.first,
            claims=[Claim(workload, cause, strength, why, also=also, facts=facts)],
            place=workload,
        )


def poisoned(case: Case) -> Iterator[Clue]:
    """Report programs that take the same message again and again, and fail at it each time."""
    for workload, pod, log in _logs(case):
        run = _repeated(case, log, _retries)
        if run is None or ((found := classify(run.text)) is not None and found.dependency):
            continue
        stuck = run.share >= _ALMOST_ALL or _no_progress(case, workload)
        if not stuck or not (run.clean_before or case.snapshot.is_recent(run.first)):
            continue
        why = (
            f"it fails at the same message again and again ({len(run.lines)} times since"
            f' {brief(run.first)}): "{one_line(run.text, 200)}"'
        )
        yield case.clue(
            "log.same_message",
            workload,
            f"{workload.kind} {workload.name}: {why}",
            [_quote(case, pod, log, run)],
            weight=0.8,
            onset=run.first,
            claims=[Claim(workload, "queue.poison_message", 0.88, why, facts={"container": log.container})],
            place=workload,
        )  # fmt: skip


def waits(text: str) -> bool:
    """Whether a line says that its program waits for something, other than for work."""
    return bool(_WAITS.search(text)) and not _IDLE.search(text)


def _retries(text: str) -> bool:
    return bool(_AGAIN.search(text) and _MESSAGE.search(text))


def _logs(case: Case) -> Iterator[tuple[ObjectRef, Json, ContainerLog]]:
    pods = {(namespace_of(p), name_of(p)): p for p in case.snapshot.of("Pod")}
    for log in case.snapshot.logs:
        pod = pods.get((log.namespace, log.pod))
        if pod is None or log.previous or dig(pod, "status.phase") != "Running":
            continue
        names = [c.get("name") for c in dig(pod, "spec.initContainers", []) or []]
        if log.container not in names:
            yield case.snapshot.controller(pod), pod, log


def _repeated(case: Case, log: ContainerLog, says: Callable[[str], bool]) -> _Run | None:
    """Return the one line of a sort that is repeated until now, word by word but for times."""
    counted = Counter(_same(line.text) for line in log.lines[-200:] if says(line.text))
    for text, count in counted.most_common(1):
        lines = [line for line in log.lines if _same(line.text) == text]
        times = [line.at for line in lines if line.at]
        if count < _TIMES or not times or times[-1] - times[0] < _LASTS:
            return None
        pause = (times[-1] - times[0]) / (len(times) - 1)
        if case.now - times[-1] > max(timedelta(seconds=15), 4 * pause):
            return None
        since = [line for line in log.lines if line.at and line.at >= times[0]]
        begin = log.first or times[0]
        clean = times[0] - begin >= timedelta(seconds=10)
        return _Run(tuple(lines), times[0], len(lines) / max(len(since), 1), clean)
    return None


def _same(text: str) -> str:
    return _VARIES.sub("0", text)


def _holder(case: Case, pod: Json, holder: str) -> tuple[bool, bool]:
    """Return whether the holder of a lock is a pod that runs, and whether it is one that is gone."""
    if not holder or not case.snapshot.knows("Pod"):
        return False, False
    space = namespace_of(pod)
    others = {name_of(p): p for p in case.snapshot.of("Pod") if namespace_of(p) == space}
    for name, other in others.items():
        if holder == name or holder.startswith(f"{name}_"):
            return name != name_of(pod) and is_true(other, "Ready"), False
    programs = {program_of(name) for name in others} | {
        ref_of(w).name for w in case.snapshot.workloads
    }
    # Replicas of any revision bear the name of their workload.
    return False, any(holder.startswith(f"{program}-") for program in programs)


def _matters(case: Case, workload: ObjectRef, pod: Json, run: _Run, gone: bool) -> bool:
    """Whether the wait is news, and no other replica does the work meanwhile."""
    if not (case.snapshot.is_recent(run.first) or run.clean_before):
        return False
    others = [p for p in case.snapshot.pods(workload) if name_of(p) != name_of(pod)]
    if gone:
        return True
    working = [
        log
        for other in others
        for log in case.snapshot.logs
        if log.pod == name_of(other) and any(not waits(line.text) for line in log.lines[-5:])
    ]
    unread = [p for p in others if not any(x.pod == name_of(p) for x in case.snapshot.logs)]
    return not working and not unread and len(run.lines) >= 2 * _TIMES


def _kept_in(case: Case, workload: ObjectRef, text: str, holder: str) -> ObjectRef | None:
    """Return the object that keeps a lock: it is mounted at the path that is named, or names the holder."""
    for path in _PATH.findall(text):
        for mount in mounts(workload.namespace, case.snapshot.spec(workload)):
            if mount.covers(path) and case.snapshot.get(mount.holder) is not None:
                return mount.holder
    lease = _LEASE.search(text)
    if lease and lease.group(1) == workload.namespace:
        return ObjectRef("Lease", workload.namespace, lease.group(2))
    for kind in ("Lease", "ConfigMap", "Endpoints") if holder else ():
        for obj in case.snapshot.of(kind):
            kept = dig(obj, "spec.holderIdentity", ""), dig(obj, "data", {}), dig(obj, "metadata.annotations", {})  # fmt: skip
            if namespace_of(obj) == workload.namespace and holder in str(kept):
                return ref_of(obj)
    return None


def _shown(case: Case, held: ObjectRef | None) -> list[str]:
    obj = case.snapshot.get(held) if held is not None else None
    if obj is None or obj.get("kind") == "Secret":
        return []
    return [case.ledger.value(obj, "spec" if obj.get("kind") == "Lease" else "data")]


def _consumes(case: Case, workload: ObjectRef) -> bool:
    """Whether a workload takes its work from somewhere, since nobody calls it."""
    return not case.services_for(workload) and bool(case.topology.callees(workload))


def _no_progress(case: Case, workload: ObjectRef) -> bool:
    done = [
        m
        for m in case.snapshot.telemetry.meters
        if m.kind == "done" and case.wiring.node(m.program) == workload
    ]
    return bool(done) and all(m.stands_still for m in done)


def _quote(case: Case, pod: Json, log: ContainerLog, run: _Run) -> str:
    chosen: Sequence[LogLine] = [run.lines[0], *run.lines[-2:]]
    about = (ref_of(pod), case.snapshot.controller(pod))
    return case.ledger.lines(log.query, dict.fromkeys(line.raw for line in chosen), about)
