"""Asks the copilot about a replay, as a person with its kubeconfig and URLs would."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import UnavailableError
from copilot.model.events import DiagnosisReady, InvestigationFailed
from copilot.model.scope import Scope
from copilot.sessions.assemble import assemble
from eval.local import inside

if TYPE_CHECKING:
    from eval.recording.replay import Replay


_QUESTION = "What is wrong, where, and why?"


async def diagnose(
    environment: Replay, settings: Settings, question: str = "", *, model: bool = False
) -> Diagnosis:
    """Return the diagnosis of a replay: the evidence engine's, or with the settings' `model`.

    Nothing is proposed for approval: a recording cannot be repaired. Raises `CopilotError`.
    """
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        own = inside(environment, settings, Path(folder)).model_copy(
            update={
                "knowledge": KnowledgeSection(builtin=False),
                "mitigation": settings.mitigation.model_copy(update={"enabled": False}),
                **({} if model else {"model": ModelSection(enabled=False)}),
            }
        )
        async with assemble(own, clock=environment.clock) as copilot:
            scope: Scope = environment.scope
            events = (
                copilot.start(title="replay").ask(question or _QUESTION, scope=scope)
                if model
                else copilot.engine.investigate(question, scope)
            )
            async for event in events:
                if isinstance(event, DiagnosisReady):
                    return event.diagnosis
                if isinstance(event, InvestigationFailed):
                    raise UnavailableError(event.message, hint=event.hint)
    raise UnavailableError("the investigation ended without an answer")
