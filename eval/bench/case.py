"""Runs one case: a fresh cluster with noise, the fault, the engine over its real APIs, the grades."""

from __future__ import annotations

import pickle
import tempfile
import time
import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.evidence.ablation import without
from copilot.evidence.engine import reason
from copilot.evidence.report import Report
from copilot.evidence.snapshot import Snapshot
from copilot.model.action import Mitigation
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Diagnosis, RootCause, Verdict
from copilot.model.errors import CopilotError
from copilot.model.events import ActionFinished
from copilot.model.scope import ObjectRef, Scope, Window
from eval.apps.loader import load_app
from eval.bench.pairs import parts
from eval.bench.series import Series, read
from eval.bench.split import Item
from eval.faults.kind import KindFault
from eval.faults.noise import make_noise
from eval.faults.registry import fault as make_fault
from eval.protocols import Expected

if TYPE_CHECKING:
    from copilot.sessions.assemble import Copilot
    from eval.environments.emulator.environment import Emulator

WARM_UP = 1500.0
UNTIL_PAGED = 240.0
SETTLE = 90.0
_QUESTION = "Is something wrong with this application? If so: where, why, and what would repair it?"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right about a case; `objects` empty where nothing is wrong."""

    objects: tuple[ObjectRef, ...] = ()
    causes: tuple[str, ...] = ()
    system_level: str = ""
    fault_type: str = ""
    mitigable: bool = False
    harm: str = ""
    each: tuple[Truth, ...] = ()

    @classmethod
    def both(cls, truths: Sequence[Truth]) -> Truth:
        """Join the truths of several faults at once; that of one is itself."""
        if len(truths) == 1:
            return truths[0]
        objects = tuple(o for t in truths for o in t.objects)
        causes = tuple(c for t in truths for c in t.causes)
        first = truths[0]
        return cls(objects, causes, first.system_level, first.fault_type, each=tuple(truths))

    @classmethod
    def of(cls, expected: Expected, harm: str) -> Truth:
        """Take what is graded from a fault's truth."""
        return cls(
            expected.objects, expected.causes, expected.system_level, expected.fault_type,
            expected.mitigable, harm,
        )  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """One case's grades. `repaired` is None where the repair was not tried."""

    app: str
    kind: str
    target: str
    seed: int
    verdict: str = ""
    detected: bool = False
    placed: bool = False
    placed_in_3: bool = False
    cause: bool = False
    analysis: bool = False
    confidence: float = 0.0
    mitigable: bool = False
    repaired: bool | None = None
    repair: str = ""
    answers: list[str] = field(default_factory=list)
    truth: str = ""
    noise: str = ""
    cpu: float = 0.0
    reasoning: float = 0.0
    calls: int = 0
    error: str = ""

    @property
    def name(self) -> str:
        """The same as the item's."""
        return "/".join((self.app, self.kind or "healthy", self.target, str(self.seed)))

    @property
    def right(self) -> bool:
        """Whether the first answer is right: the place and the cause."""
        return self.placed and self.cause


@dataclass(frozen=True, slots=True)
class Kept:
    """What an investigation read and the truth, to reason over it again."""

    item: Item
    truth: Truth | None
    snapshot: Snapshot
    series: Series


async def run(
    item: Item, *, keep: Path | None = None, repair: bool = True, remember: bool = False
) -> Outcome:
    """Run a case from a fresh environment to its grades; `keep` is a folder for what was read.

    With `remember` the copilot has looked at the app once before the fault.
    """
    from copilot.sessions.assemble import assemble
    from eval.environments.emulator.environment import Emulator
    from eval.local import inside

    began = time.process_time()
    app = load_app(item.app)
    outcome = Outcome(item.app, item.kind, item.target, item.seed)
    environment = await Emulator.start(app, seed=item.seed, warmup_seconds=WARM_UP)
    try:
        # Cases of one seed differ in their noise, too.
        noise = await make_noise(environment, app, seed=zlib.crc32(item.name.encode()))
        outcome.noise = ",".join(noise)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            settings = inside(environment, Settings(), Path(folder)).model_copy(
                update={
                    "knowledge": KnowledgeSection(builtin=False),
                    "model": ModelSection(enabled=False),
                }
            )
            async with assemble(settings, clock=environment.clock, remember=remember) as copilot:
                if remember:
                    await copilot.engine.look(_scope(environment))
                fault, truths, settle = None, [], UNTIL_PAGED
                for kind, target in parts(item) if item.kind else ():
                    fault = make_fault(kind, app, item.seed)
                    truths.append(Truth.of(fault.expected(environment, target), fault.harm))
                    await fault.inject(environment, target)
                    settle = max(settle, fault.settle_seconds)
                await environment.clock.sleep(settle)
                truth = Truth.both(truths) if truths else None
                await _investigate(copilot, environment, item, fault, truth, outcome, keep, repair)
    finally:
        await environment.close()
    outcome.cpu = round(time.process_time() - began, 2)
    return outcome


def _scope(environment: Emulator) -> Scope:
    return Scope("bench", (environment.namespace,), Window.last(environment.clock.now()))


async def _investigate(
    copilot: Copilot,
    environment: Emulator,
    item: Item,
    fault: KindFault | None,
    truth: Truth | None,
    outcome: Outcome,
    keep: Path | None,
    repair: bool,
) -> None:
    scope = _scope(environment)
    snapshot = await copilot.engine.read(scope)
    if snapshot is None:
        outcome.error = "the cluster cannot be read"
        return
    if keep is not None:
        metrics = copilot.sources.metrics
        series = await read(metrics, scope) if metrics is not None else {}
        kept = Kept(item, truth, snapshot, series)
        (keep / f"{item.name.replace('/', '~')}.pickle").write_bytes(pickle.dumps(kept))
    report = _think(snapshot, outcome)
    grade(report, truth, outcome)
    if repair and truth is not None and fault is not None and truth.mitigable:
        await _repair(copilot, environment, report, fault, item.target, outcome)


def again(kept: Kept, parts: Collection[str] = ()) -> Outcome:
    """Reason once more over what was read, without the left-out parts; repairs are not tried."""
    item = kept.item
    outcome = Outcome(item.app, item.kind, item.target, item.seed)
    snapshot = without(kept.snapshot, parts) if parts else kept.snapshot
    grade(_think(snapshot, outcome), kept.truth, outcome)
    return outcome


def _think(snapshot: Snapshot, outcome: Outcome) -> Report:
    began = time.process_time()
    report = reason(snapshot, _QUESTION)
    outcome.reasoning = round(time.process_time() - began, 4)
    return report


def grade(report: Report, truth: Truth | None, outcome: Outcome) -> None:
    """Fill in the grades: an incident must be called one, and a healthy app healthy."""
    causes = report.candidates
    outcome.verdict = report.verdict.value
    outcome.answers = [f"{c.object} {c.cause} {c.confidence:.2f}" for c in causes[:3]]
    outcome.confidence = round(causes[0].confidence, 4) if causes else 0.0
    outcome.detected = report.verdict is (Verdict.INCIDENT if truth else Verdict.HEALTHY)
    if report.mitigations:
        outcome.repair = report.mitigations[0].title
    if truth is None:
        return
    hits = [_there(cause, truth) for cause in causes[:3]]
    known = [CAUSES.get(c.cause, CAUSES["unknown"]) for c in causes[:1]]
    outcome.placed, outcome.placed_in_3 = bool(hits and hits[0]), any(hits)
    for one in getattr(truth, "each", ()):  # of several at once, each has to be among the three
        outcome.placed_in_3 &= any(_there(cause, one) for cause in causes[:3])
    outcome.cause = any(c.cause in truth.causes for c in causes[:1])
    outcome.analysis = any(
        (k.system_level, k.fault_type) == (truth.system_level, truth.fault_type) for k in known
    )
    outcome.mitigable = truth.mitigable
    outcome.truth = f"{' or '.join(map(str, truth.objects))}: {' or '.join(truth.causes)}"


def _there(cause: RootCause, truth: Truth) -> bool:
    return bool({cause.object, *cause.also} & set(truth.objects))


async def _repair(
    copilot: Copilot,
    environment: Emulator,
    report: Report,
    fault: KindFault,
    target: str,
    outcome: Outcome,
) -> None:
    """Approve the first proposal; the strict oracle asks for the cause itself and for the users."""
    outcome.repaired = False
    first = next(iter(report.mitigations), None)
    if first is None or copilot.door is None:
        return
    if not first.automatic:
        outcome.repair = f"by hand: {first.title}"
        return
    diagnosis = report.plain()
    try:
        await _apply(copilot, diagnosis, first, outcome)
    except CopilotError as error:
        outcome.repair += f" ({error})"
        return
    await environment.clock.sleep(SETTLE)
    cured = await fault.cured(environment, target)
    served = await environment.healthy()
    outcome.repaired = served and cured
    if served and not cured:
        outcome.repair += " (healthy, the cause stays)"


async def _apply(
    copilot: Copilot, diagnosis: Diagnosis, mitigation: Mitigation, outcome: Outcome
) -> None:
    assert copilot.door is not None
    session = copilot.start(title="benchmark")
    proposal = await copilot.door.propose(session.id, diagnosis, mitigation)
    async for event in copilot.door.decide(proposal.id, approved=True, by="the benchmark"):
        if isinstance(event, ActionFinished) and event.undone:
            outcome.repair += f" (undone: {event.detail[:160]})"


def row(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as a line of a file of results."""
    return {"name": outcome.name, **asdict(outcome)}
