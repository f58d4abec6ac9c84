"""Looks at the cluster every so often, so that the copilot knows how things are when all is well."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from copilot.model.errors import CopilotError

if TYPE_CHECKING:
    from copilot.sessions.assemble import Copilot

_log = logging.getLogger(__name__)


async def keep_looking(copilot: Copilot) -> None:
    """Look at the configured namespaces every `state.look_minutes`, for ever; with 0 only wait.

    What is found is remembered and told to nobody. A look that fails is logged, and tried again the next time.
    """
    minutes = copilot.settings.state.look_minutes
    if not minutes or copilot.sources.history is None:
        await asyncio.Event().wait()
    while True:
        try:
            scope = await copilot.scoping.scope("", (), None)
            report = await copilot.engine.look(scope)
            _log.info("looked: %s", report.verdict if report else "the cluster cannot be read")
        except CopilotError as error:
            _log.warning("could not look: %s", error)
        await copilot.sources.clock.sleep(60 * minutes)
