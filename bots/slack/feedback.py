"""What people think of an answer: a number at once, and words in a dialog."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bots.slack.blocks import COMMENT, rating_blocks, rating_dialog
from bots.slack.desk import Desk
from bots.slack.threads import place
from copilot.model.errors import CopilotError

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

DIALOG = "rate_answer"


def register(app: AsyncApp, desk: Desk, client: AsyncWebClient) -> None:
    """Add the listeners for the buttons below an answer, and for the dialog."""

    async def store(where: dict[str, Any], useful: int, user: str, text: str = "") -> None:
        conversation = desk.thread(where["reference"])
        try:
            ratings = conversation.rate(useful, text=text, user=f"slack:{user}", turn=where["turn"])
        except CopilotError as error:
            await client.chat_postEphemeral(
                channel=where["channel"],
                user=user,
                thread_ts=where["thread"],
                text=f"Not stored: {error.message}",
            )
            return
        said = f"How useful was this answer? *{ratings}*"
        await client.chat_update(
            channel=where["channel"],
            ts=where["message"],
            text=said,
            blocks=rating_blocks(where["turn"], said),
        )

    @app.action(re.compile(r"rate_[1-5]"))
    async def rated(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        useful = int(body["actions"][0]["action_id"].removeprefix("rate_"))
        await store(_where(body), useful, body["user"]["id"])

    @app.action(COMMENT)
    async def comment(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await client.views_open(
            trigger_id=body["trigger_id"],
            view=rating_dialog(DIALOG, json.dumps(_where(body))),
        )

    @app.view(DIALOG)
    async def submitted(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        view = body["view"]
        values = view["state"]["values"]
        useful = int(values["useful"]["value"]["selected_option"]["value"])
        text = values["text"]["value"].get("value") or ""
        await store(json.loads(view["private_metadata"]), useful, body["user"]["id"], text)


def _where(body: dict[str, Any]) -> dict[str, Any]:
    """Return which answer a button is about, and where the message with it is."""
    _, channel, thread, known = place(body)
    return {
        "reference": known,
        "channel": channel,
        "thread": thread,
        "message": body["message"]["ts"],
        "turn": int(body["actions"][0]["value"]),
    }
