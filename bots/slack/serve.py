"""Connects the app to Slack: Socket Mode with an app token, else HTTP with a signing secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bots.slack.app import build
from copilot.config.settings import SlackSection
from copilot.model.errors import ConfigError, UnavailableError
from copilot.sessions.assemble import Copilot
from copilot.sessions.looking import keep_looking
from copilot.sessions.protocols import Conversation

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient


class CopilotDesk:
    """Fits `bots.slack.desk.Desk` over the assembled core."""

    def __init__(self, copilot: Copilot) -> None:
        self._copilot = copilot

    def thread(self, reference: str, *, title: str = "", user: str = "") -> Conversation:
        """Return the conversation of a Slack thread, new or resumed."""
        return self._copilot.thread(reference, title=title, user=user)

    def claim(self, delivery: str) -> bool:
        """Take up a delivery; False when it was taken up before."""
        return self._copilot.store.claim(delivery, self._copilot.sources.clock.now())


async def serve(copilot: Copilot, settings: SlackSection) -> None:
    """Answer in Slack until stopped. Raises `ConfigError` or `UnavailableError`."""
    async with connected(copilot, settings):
        await keep_looking(copilot)


@asynccontextmanager
async def connected(copilot: Copilot, settings: SlackSection) -> AsyncIterator[int]:
    """Be connected to Slack; yields the HTTP port, 0 in Socket Mode."""
    check(settings)
    client = _client(settings)
    app = build(
        CopilotDesk(copilot),
        client,
        token=settings.bot_token.get_secret_value(),
        signing_secret=settings.signing_secret.get_secret_value(),
        approvers=settings.approvers,
    )
    try:
        if settings.app_token.get_secret_value():
            from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
            from slack_sdk.errors import SlackApiError

            handler = AsyncSocketModeHandler(app, settings.app_token.get_secret_value())
            try:
                await handler.connect_async()
            except SlackApiError as error:
                raise UnavailableError(
                    f"Slack refuses the connection: {error.response['error']}",
                    hint="check slack.app_token and slack.bot_token",
                ) from error
            try:
                yield 0
            finally:
                await handler.close_async()
            return
        from aiohttp import web

        runner = web.AppRunner(app.web_app())
        await runner.setup()
        try:
            site = web.TCPSite(runner, "0.0.0.0", settings.port)
            await site.start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()
    finally:
        if client.session is not None:
            await client.session.close()


def check(settings: SlackSection) -> None:
    """Raise `ConfigError` when something that is needed is not set."""
    if not settings.bot_token.get_secret_value():
        raise ConfigError("slack.bot_token is not set", hint="see docs/slack.md")
    if not (settings.app_token.get_secret_value() or settings.signing_secret.get_secret_value()):
        raise ConfigError(
            "slack needs app_token (Socket Mode) or signing_secret (HTTP)", hint="see docs/slack.md"
        )


def _client(settings: SlackSection) -> AsyncWebClient:
    from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
    from slack_sdk.web.async_client import AsyncWebClient

    client = AsyncWebClient(
        token=settings.bot_token.get_secret_value(),
        base_url=settings.base_url or AsyncWebClient.BASE_URL,
    )
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=2))
    return client
