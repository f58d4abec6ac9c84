"""A mention is answered in its thread, and can be stopped there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bots.slack.blocks import STOP
from bots.slack.desk import Desk
from bots.slack.reply import Reply
from bots.slack.threads import place, reference
from copilot.model.errors import CopilotError
from copilot.sessions.protocols import Conversation

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

_MENTION = re.compile(r"<@[A-Z0-9]+(\|[^>]*)?>")
_BUSY = "I am still at the question before this one. Ask again when it is answered, or stop it."
_IDLE = (
    "Nothing is being answered here any more, or another process does it: there is nothing to stop."
)


def register(app: AsyncApp, desk: Desk, client: AsyncWebClient) -> None:
    """Add the listeners for mentions and for the button that stops an answer."""
    running: dict[str, Conversation] = {}

    @app.event("app_mention")
    async def mentioned(body: dict[str, Any], event: dict[str, Any]) -> None:
        if not desk.claim(f"slack-event:{body['event_id']}"):
            return
        thread = event.get("thread_ts") or event["ts"]
        user = event.get("user", "")
        text = _MENTION.sub("", event.get("text", "")).strip()
        where = reference(body.get("team_id", ""), event["channel"], thread)
        reply = Reply(client, event["channel"], thread)
        if where in running:
            await reply.say(_BUSY)
            return
        conversation = running[where] = desk.thread(where, title=text, user=user)
        try:
            await reply.started()
            async for item in conversation.ask(text, user=f"slack:{user}"):
                await reply.show(item)
        except CopilotError as error:
            await reply.say(f":warning: {error.message}\n→ {error.hint}")
        finally:
            del running[where]
            await reply.finished()
        if reply.answered:
            await reply.ask_rating(conversation.answered)

    @app.action(STOP)
    async def stop(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        user, channel, thread, where = place(body)
        conversation = running.get(where)
        if conversation is None:
            await client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread, text=_IDLE
            )
            return
        conversation.stop()
        await Reply(client, channel, thread).say(
            f":octagonal_sign: <@{user}> stopped the answer: the best one so far follows."
        )
