"""The Bolt app: a mention in a thread is answered there; buttons approve the fix, stop, and rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bots.slack import answers, feedback
from bots.slack.desk import Desk
from bots.slack.reply import Reply
from bots.slack.threads import place
from copilot.model.errors import CopilotError
from copilot.tools.redact import redact

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient


def build(
    desk: Desk,
    client: AsyncWebClient,
    *,
    token: str,
    signing_secret: str = "",
    approvers: tuple[str, ...] = (),
) -> AsyncApp:
    """Return the app with its listeners. `approvers` are user ids; empty: everyone in the channel."""
    from slack_bolt.async_app import AsyncApp

    app = AsyncApp(
        client=client,
        token=token,
        signing_secret=signing_secret or None,
        request_verification_enabled=bool(signing_secret),
    )

    answers.register(app, desk, client)
    feedback.register(app, desk, client)

    async def decide(body: dict[str, Any], *, approved: bool) -> None:
        user, channel, thread, where = place(body)
        message, approval = body["message"], body["actions"][0]["value"]
        if approvers and user not in approvers:
            await client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=thread,
                text="You may not approve writes. Ask one of: "
                + ", ".join(f"<@{approver}>" for approver in approvers),
            )
            return
        if not desk.claim(f"slack-decision:{approval}"):
            return
        reply = Reply(client, channel, thread)
        await reply.closed(message, f"{'Approved' if approved else 'Declined'} by <@{user}>")
        conversation = desk.thread(where)
        try:
            async for item in conversation.decide(approval, approved=approved, by=f"slack:{user}"):
                await reply.show(item)
        except CopilotError as error:
            await reply.say(redact(f"*Not applied.* {error.message} {error.hint}"))

    @app.action("approve_fix")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await decide(body, approved=True)

    @app.action("decline_fix")
    async def decline(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await decide(body, approved=False)

    return app
