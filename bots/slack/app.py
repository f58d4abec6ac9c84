"""The Bolt app: a mention in a thread is answered there; a button approves the fix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bots.slack.desk import Desk
from bots.slack.reply import Reply
from copilot.model.errors import CopilotError
from copilot.tools.redact import redact

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

_MENTION = re.compile(r"<@[A-Z0-9]+(\|[^>]*)?>")


def reference(team: str, channel: str, thread: str) -> str:
    """Return what a Slack thread's session is known by."""
    return f"slack:{team}:{channel}:{thread}"


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

    @app.event("app_mention")
    async def mentioned(body: dict[str, Any], event: dict[str, Any]) -> None:
        if not desk.claim(f"slack-event:{body['event_id']}"):
            return
        thread = event.get("thread_ts") or event["ts"]
        user = event.get("user", "")
        text = _MENTION.sub("", event.get("text", "")).strip()
        conversation = desk.thread(
            reference(body.get("team_id", ""), event["channel"], thread), title=text, user=user
        )
        reply = Reply(client, event["channel"], thread)
        await reply.started()
        async for item in conversation.ask(text, user=f"slack:{user}"):
            await reply.show(item)
        await reply.finished()

    async def decide(body: dict[str, Any], *, approved: bool) -> None:
        user, channel = body["user"]["id"], body["channel"]["id"]
        message, approval = body["message"], body["actions"][0]["value"]
        thread = message.get("thread_ts") or message["ts"]
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
        conversation = desk.thread(reference(_team(body), channel, thread))
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


def _team(body: dict[str, Any]) -> str:
    return str((body.get("team") or {}).get("id", ""))
