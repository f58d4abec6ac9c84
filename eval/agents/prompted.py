"""Plain agents over any OpenAI-compatible endpoint: what a model does without our copilot.

ReAct (Yao et al., arXiv 2210.03629) writes a thought before each action; the shell-only agent has
exec_shell and nothing else, as AIOpsLab's "w-shell" baselines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from copilot.agent.budget import Budget
from copilot.agent.client import ModelClient, Reply
from copilot.sessions.answering import model_settings
from copilot.tools.tokens import estimate
from eval.agents.protocol import Briefing, Open, Spent
from eval.session.costs import THOUGHT

_LONGEST = 12_000
_REACT = """Work in turns. First write one line "Thought: …": what you know now, and what to find out next.
Then give the action as described. Submit as soon as the evidence is sufficient."""
_SHELL = "Work step by step with kubectl. Submit as soon as the evidence is sufficient."


class Prompted:
    """Asks a model for each action. Fits `eval.agents.protocol.Playing`."""

    turn_seconds = THOUGHT

    def __init__(self, briefing: Briefing, style: str, apis: Mapping[str, str]) -> None:
        section = briefing.settings.model
        self._settings = model_settings(section)
        self._room = section.context_tokens - self._settings.reply_room
        self._client = ModelClient(self._settings)
        self._budget = Budget(self._settings)
        self.spent = Spent(money=self._budget.money)
        actions = "\n\n".join(f"{name}\n{text}" for name, text in apis.items())
        told = f"{briefing.description}\n\nThe actions:\n{actions}\n\n{briefing.instructions}\n\n{style}"
        self._told = {"role": "system", "content": told}
        self._talk: list[dict[str, str]] = []

    async def get_action(self, input: str, /) -> str:
        """Ask the model. Raises `ModelError` when the endpoint does not answer."""
        self._talk.append({"role": "user", "content": _cut(input)})
        said = ""
        async for part in self._client.reply(
            self._messages(), [], seconds=self._settings.max_seconds
        ):
            if isinstance(part, Reply):
                said = part.text
                self._budget.count(part.spent)
        self._talk.append({"role": "assistant", "content": said})
        budget, spent = self._budget, self.spent
        spent.input_tokens, spent.output_tokens = budget.input_tokens, budget.output_tokens
        spent.money = budget.money
        return said

    async def close(self) -> None:
        """Release the connections."""
        await self._client.close()

    def _messages(self) -> list[dict[str, str]]:
        """The task and as much of the talk's end as the model's context holds."""
        room = self._room - estimate(self._told["content"])
        kept: list[dict[str, str]] = []
        for message in reversed(self._talk):
            room -= estimate(message["content"])
            if kept and room < 0:
                break
            kept.insert(0, message)
        return [self._told, *kept]


def prompted(*, shell_only: bool) -> Open:
    """Return the ReAct agent, or the shell-only one."""

    @asynccontextmanager
    async def open_(briefing: Briefing) -> AsyncIterator[Prompted]:
        apis = briefing.apis
        if shell_only:
            apis = {name: apis[name] for name in ("exec_shell", "submit")}
        agent = Prompted(briefing, _SHELL if shell_only else _REACT, apis)
        try:
            yield agent
        finally:
            await agent.close()

    return open_


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n… {len(text) - _LONGEST} characters left out …\n{text[-half:]}"
