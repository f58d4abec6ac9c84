"""All agents by name."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from eval.agents import baselines, controls
from eval.agents.copilot_agent import copilot_agent
from eval.agents.prompted import prompted
from eval.agents.protocol import Open


@dataclass(frozen=True, slots=True)
class Entry:
    """An agent: how it is opened, what it is, and whether it needs a model or any knowledge."""

    open: Open
    summary: str
    model: bool = False
    knowledge: bool = False


AGENTS: dict[str, Entry] = {
    "engine": Entry(
        copilot_agent(model=False), "our evidence engine, without a model", knowledge=True
    ),
    "engine-bare": Entry(
        copilot_agent(model=False), "our evidence engine, without runbooks and past incidents"
    ),
    "llm": Entry(copilot_agent(model=True), "our copilot with its model", True, True),
    "llm-bare": Entry(
        copilot_agent(model=True), "our copilot with its model, without runbooks", True
    ),
    "react": Entry(prompted(shell_only=False), "a plain ReAct agent on the same model", True),
    "shell": Entry(prompted(shell_only=True), "the model with a shell and nothing else", True),
    "object-scan": Entry(
        baselines.scanning(), "lists objects that look wrong, as k8sgpt does; no model"
    ),
    **{
        name.lower(): Entry(baselines.by_series(name), f"{name}: time series alone; no model")
        for name in ("MKSMC", "RMLAD", "PDiagnose", "BARO")
    },
    "oracle": Entry(controls.knowing, "knows the truth: what full marks look like"),
    "random": Entry(controls.fixed(controls.guess), "throws dice"),
    "always-yes": Entry(controls.fixed(controls.always_yes), "something is always wrong"),
    "nothing": Entry(
        controls.fixed(controls.nothing), "nothing is ever wrong, and nothing is done"
    ),
}
"""What can be graded."""


def agent(name: str, settings: Settings) -> Entry:
    """Return an agent. Raises `UsageError` for an unknown one, or one that needs a model."""
    if name not in AGENTS:
        raise UsageError(f'there is no agent "{name}"', hint=f"there are: {', '.join(AGENTS)}")
    if AGENTS[name].model and not settings.model.usable:
        raise UsageError(
            f"the agent {name} needs a model", hint="set OPENAI_API_KEY or OPENAI_BASE_URL"
        )
    return AGENTS[name]
