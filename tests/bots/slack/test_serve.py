"""From a mention to a verified fix: the real core on an emulated cluster, the real Bolt app."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.slack.serve import connected
from copilot.config.settings import (
    ClusterSection,
    KnowledgeSection,
    ModelSection,
    PrometheusSection,
    Settings,
    SlackSection,
    StateSection,
)
from copilot.model.errors import ConfigError
from copilot.sessions.assemble import Copilot, assemble
from copilot.sessions.ledger import AnswerLedger
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault
from tests.loopback.slack_server import SlackServer, click, mention


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    server = SlackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def environment() -> AsyncIterator[Emulator]:
    emulator = await Emulator.start("social_network", warmup_seconds=600)
    await fault("scale_to_zero", emulator.app).inject(emulator, "text-service")
    await emulator.clock.sleep(240)
    yield emulator
    await emulator.close()


@pytest.fixture
async def copilot(environment: Emulator, tmp_path: Path) -> AsyncIterator[Copilot]:
    settings = Settings(
        cluster=ClusterSection(
            kubeconfig=environment.kubeconfig, namespaces=(environment.namespace,)
        ),
        prometheus=PrometheusSection(url=environment.prometheus_url),
        knowledge=KnowledgeSection(builtin=False),
        state=StateSection(folder=tmp_path),
        model=ModelSection(enabled=False),
    )
    async with assemble(settings, clock=environment.clock) as assembled:
        yield assembled


async def test_a_thread_from_mention_to_verified_fix(
    slack: SlackServer, copilot: Copilot, environment: Emulator
) -> None:
    section = SlackSection(bot_token="xoxb-1", app_token="xapp-1", base_url=slack.base_url)  # type: ignore[arg-type]  # SecretStr takes text
    async with connected(copilot, section):
        await slack.deliver("e1", "events_api", mention("why is text-service failing?"))
        await slack.until(lambda: slack.of("chat.delete"), 60)
        posts = slack.of("chat.postMessage")
        answer = "".join(post.get("markdown_text", "") for post in posts)
        assert "## Root cause" in answer
        assert "zero replicas" in answer
        assert len(set(re.findall(r"ev-[0-9a-f]{10}", answer))) >= 3
        await slack.until(lambda: "How useful" in str(slack.of("chat.postMessage")[-1]), 10)
        (offer,) = [post for post in posts if "Proposed" in post.get("text", "")]
        buttons = offer["blocks"][-1]["elements"]
        await slack.deliver("e2", "interactive", click("approve_fix", buttons[0]["value"]))
        await slack.until(lambda: "Verified" in str(slack.of("chat.postMessage")[-1]), 60)
        answered = copilot.thread("slack:T1:C1:100.1").answered
        await slack.deliver("e3", "interactive", click("rate_5", str(answered)))
        await slack.until(lambda: "5.0 of 5 by 1 person" in str(slack.of("chat.update")[-1]), 10)
    assert await environment.healthy()
    stored = copilot.ledger.entry(buttons[0]["value"])
    (rated,) = AnswerLedger(copilot.store.engine).ratings().given
    assert (rated.user, rated.useful, rated.turn) == ("slack:U1", 5, answered)
    assert (stored.state, stored.decided_by) == ("verified", "slack:U1")


async def test_what_is_missing_is_said(copilot: Copilot) -> None:
    for section, message in (
        (SlackSection(), "bot_token is not set"),
        (SlackSection(bot_token="xoxb-1"), "app_token .* or signing_secret"),  # type: ignore[arg-type]  # SecretStr takes text
    ):
        with pytest.raises(ConfigError, match=message):
            async with connected(copilot, section):
                pass
