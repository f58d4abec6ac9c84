"""Asks the evidence engine about an environment as it is, and keeps what it read and what it said."""

from __future__ import annotations

import json
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from eval.bench.case import Kept, Outcome, Truth, grade, row
from eval.bench.split import Item
from eval.local import inside
from eval.protocols import Environment

MINUTES, BASELINE_MINUTES = 1.75, 0.5
"""From before the injection to its being looked at; the baseline is what the healthy window shows."""
_QUESTION = "Is something wrong with this application? If so: where, why, and what would repair it?"


@dataclass(frozen=True, slots=True)
class Doctor:
    """Investigates; results are lines of `folder/engine.jsonl`, what was read is in `folder/kept`."""

    folder: Path

    def rows(self) -> list[dict[str, Any]]:
        """All results so far; the last of a case counts."""
        path = self.folder / "engine.jsonl"
        if not path.is_file():
            return []
        found = {}
        for text in path.read_text("utf-8").splitlines():
            made = json.loads(text)
            found[made["where"], made["name"]] = made
        return list(found.values())

    def kept(self, where: str, name: str) -> Kept | None:
        """What was read in a case, where the present code can still load it."""
        path = self._path(where, name)
        try:
            found: Kept = pickle.loads(path.read_bytes())
        except (FileNotFoundError, AttributeError, ImportError, TypeError):
            return None
        return found

    async def look(self, place: Environment, item: Item, truth: Truth | None) -> None:
        """Read the environment through the product's own connectors, reason, grade, and note it."""
        from copilot.evidence.engine import reason
        from copilot.sessions.assemble import assemble
        from copilot.sessions.codec import encode

        now = place.clock.now()
        scope = Scope("cluster", (place.namespace,), Window.last(now, MINUTES, BASELINE_MINUTES))
        outcome = Outcome(item.app, item.kind, item.target, item.seed)
        said: dict[str, Any] = {}
        with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
            settings = inside(place, Settings(), Path(folder)).model_copy(
                update={
                    "knowledge": KnowledgeSection(builtin=False),
                    "model": ModelSection(enabled=False),
                }
            )
            async with assemble(settings, clock=place.clock) as copilot:
                snapshot = await copilot.engine.read(scope)
        if snapshot is None:
            outcome.error = "the cluster cannot be read"
        else:
            kept = self._path(place.name, item.name)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(pickle.dumps(Kept(item, truth, snapshot, {})))
            report = reason(snapshot, _QUESTION)
            grade(report, truth, outcome)
            said = encode(DiagnosisReady(report.plain()))
        made = {"where": place.name, **row(outcome), "sound": truth is None, "report": said}
        with (self.folder / "engine.jsonl").open("ab", buffering=0) as file:
            file.write((json.dumps(made) + "\n").encode())

    def _path(self, where: str, name: str) -> Path:
        return self.folder / "kept" / f"{where}~{name.replace('/', '~')}.pickle"
