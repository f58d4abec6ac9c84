"""Chooses who answers: the language model over the evidence engine, or the engine alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.api.values import Check
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

        return LLMAgent(engine, toolbox, model_settings(settings.model))
    from copilot.agent.offline import OfflineAgent

    return OfflineAgent(engine, toolbox)


async def check_model(settings: Settings) -> Check:
    """Ask the model for one word, for `doctor`. Never raises."""
    from copilot.agent.client import ModelClient, Reply

    section = settings.model
    where = section.base_url or DEFAULT_URL
    try:
        client = ModelClient(model_settings(section))
        try:
            messages = [{"role": "user", "content": "Reply with the word ok."}]
            async for part in client.reply(messages, [], seconds=min(20.0, section.timeout)):
                if isinstance(part, Reply):
                    return Check("model", True, f"{section.name} at {where} answers")
        finally:
            await client.close()
    except CopilotError as error:
        return Check("model", False, error.message, error.hint or "check model.name and the key")
    return Check("model", False, f"{section.name} at {where} gave no answer", "check model.name")
