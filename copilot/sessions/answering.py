"""Chooses who answers: the language model over the evidence engine, or the engine alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.values import Check
from copilot.agent.prices import Price
from copilot.agent.scripted import SCHEME, ScriptedModel
from copilot.agent.settings import DEFAULT_URL, ModelSettings
from copilot.model.errors import CopilotError
from copilot.tools.catalog import TOOLS
from copilot.tools.context import Limits
from copilot.tools.registry import Definition
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from copilot.config.settings import ModelSection, Settings
    from copilot.model.protocols import Agent
    from copilot.model.scope import Scope
    from copilot.sessions.session import Answerer


def model_settings(section: ModelSection) -> ModelSettings:
    """Return the agent's own settings."""
    return ModelSettings(
        model=section.name,
        base_url=section.base_url or DEFAULT_URL,
        api_key=section.api_key.get_secret_value(),
        timeout=section.timeout,
        max_steps=section.max_steps,
        max_tokens=section.max_tokens,
        max_seconds=section.max_seconds,
        max_money=section.max_money,
        context_tokens=section.context_tokens,
        tools=section.tools,
        parallel=section.parallel_calls,
        strict=section.strict_schema,
        small=section.small,
        samples=section.samples,
        prices={name: Price(**row.model_dump()) for name, row in section.prices.items()},
    )


def answerer(
    settings: Settings, sources: Sources, engine: Agent, toolsets: Sequence[Definition] = ()
) -> Answerer:
    """Return what answers the questions of a session, with our tools and the team's own."""
    limits = Limits(model=settings.model.name)

    def toolbox(scope: Scope) -> Toolbox:
        return Toolbox(sources, scope, limits, (*TOOLS, *toolsets))

    if settings.model.usable:
        from copilot.agent.loop import LLMAgent

        own = model_settings(settings.model)
        if own.base_url.startswith(SCHEME):
            script = ScriptedModel.read(Path(own.base_url.removeprefix(SCHEME)).expanduser())
            return LLMAgent(engine, toolbox, own, model_for=lambda: script)
        return LLMAgent(engine, toolbox, own)
    from copilot.agent.offline import OfflineAgent

    return OfflineAgent(engine, toolbox)


async def check_model(settings: Settings) -> Check:
    """Ask the model for two small calls, for `doctor`, and say what it can do. Never raises."""
    from copilot.agent.capabilities import probe

    section = settings.model
    where = section.base_url or DEFAULT_URL
    if where.startswith(SCHEME):
        return Check("model", True, f"answers come from the {where}")
    try:
        found = await probe(model_settings(section), seconds=min(20.0, section.timeout))
    except CopilotError as error:
        return Check("model", False, error.message, error.hint or "check model.name and the key")
    return Check("model", True, f"{section.name} at {where} answers: {found}")
