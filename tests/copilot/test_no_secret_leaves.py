"""Secrets of every kind in logs, events, env, annotations, runbooks and chat: none reaches a model or a chat."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from benchmarks.secret_corpus import KINDS
from bots.slack.app import build
from connectors.api.values import Alert, LogLine, LogPage
from copilot.config.settings import ModelSection, Settings
from copilot.evidence.engine import EvidenceEngine
from copilot.model.errors import ToolFailure
from copilot.model.events import Event, InvestigationFailed, QuestionAsked
from copilot.model.scope import Scope
from copilot.sessions.answering import answerer
from copilot.sessions.protocols import Conversation
from copilot.sessions.session import Answerer
from copilot.tools.catalog import ALL_TOOLS
from copilot.tools.context import Limits
from copilot.tools.docs import EXAMPLES
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from retrieval.values import DocumentKind, Hit
from tests.copilot.tools.shell.fake import ShellCluster
from tests.copilot.tools.worlds import NOW, FixedClock, Knowledge, app, event, scope, stamp
from tests.loopback.openai_server import OpenAIServer, calls, say
from tests.loopback.slack_server import SlackServer, mention

PLACES = ("log", "event", "env", "annotation", "runbook", "chat")


@dataclass(frozen=True)
class Planted:
    """One secret: `text` holds it, after a `mark` that tells whether the text got through."""

    place: str
    kind: str
    text: str
    secret: str

    @property
    def mark(self) -> str:
        return f"mark-{self.place}-{sorted(KINDS).index(self.kind)}"

    @property
    def marked(self) -> str:
        return f"{self.mark} {self.text}"


def planted() -> list[Planted]:
    chance = random.Random(11)
    return [Planted(place, kind, *make(chance)) for place in PLACES for kind, make in KINDS.items()]


def texts(all_: Sequence[Planted], place: str) -> list[str]:
    return [one.marked for one in all_ if one.place == place]


def sources(all_: Sequence[Planted]) -> Sources:
    objects = app("cart")
    env = [{"name": f"SETTING_{n}", "value": text} for n, text in enumerate(texts(all_, "env"))]
    notes = {f"example.com/{n}": text for n, text in enumerate(texts(all_, "annotation"))}
    for item in objects:
        item["metadata"]["annotations"] = {**item["metadata"].get("annotations", {}), **notes}
        for spec in (
            item.get("spec", {}),
            item.get("spec", {}).get("template", {}).get("spec", {}),
        ):
            for container in spec.get("containers", ()):
                container["env"] = env
    refused = " ".join(texts(all_, "event")[:4])
    [status] = next(one for one in objects if one["kind"] == "Pod")["status"]["containerStatuses"]
    status |= {
        "ready": False,
        "state": {"waiting": {"reason": "CreateContainerConfigError", "message": refused}},
    }
    objects += [
        event("Failed", "Pod/cart-1-aaaaa", text, age=n / 10)
        for n, text in enumerate(texts(all_, "event"))
    ]
    lines = "\n".join(
        f"{stamp(5)} {line}" for text in texts(all_, "log") for line in f"ERROR {text}".splitlines()
    )
    hits = [
        Hit(f"d{n}", kind, f"{text[:20]} book", "Steps", text, 0.9, f"/books/{n}.md")
        for n, text in enumerate(texts(all_, "runbook"))
        for kind in DocumentKind
    ]
    cluster = ShellCluster(objects, log_texts={"cart-1-aaaaa": lines})
    return Sources(FixedClock(), cluster, None, Knowledge(hits), Store(lines), None, (Page(all_),))


@dataclass
class Store:
    text: str
    name: str = "loki"

    async def lines(self, *_: object, **__: object) -> LogPage:
        return LogPage(
            tuple(LogLine(NOW, line, {"pod": "cart-gone"}) for line in self.text.splitlines())
        )

    async def check(self) -> list[object]:
        return []


@dataclass
class Page:
    all_: Sequence[Planted]
    name: str = "alertmanager"

    async def alerts(self, at: object) -> list[Alert]:
        notes = {"description": "\n".join(texts(self.all_, "event"))}
        return [Alert("Slow", "firing", {"namespace": "shop"}, notes, NOW, "f")]


QUESTIONS = (
    ("get_logs", {"service": "cart"}),
    ("get_logs", {"service": "cart", "grep": "mark-log-1"}),
    ("get_events", {}),
    ("describe_resource", {"kind": "Pod", "name": "cart-1-aaaaa"}),
    ("describe_resource", {"kind": "Deployment", "name": "cart"}),
    ("list_resources", {"kind": "Deployment"}),
    ("exec_shell", {"command": "kubectl get deployments cart -o yaml"}),
    ("exec_shell", {"command": "kubectl get pods -o json | grep value"}),
    ("get_changes", {}),
    ("get_alerts", {}),
    ("search_knowledge", {"query": "cart fails"}),
)


def leaked(text: str, all_: Sequence[Planted]) -> list[str]:
    """Return what stands in a text, as it is or as JSON writes it."""
    return [
        f"{one.kind} in {one.place}"
        for one in all_
        if one.secret in text or json.dumps(one.secret)[1:-1] in text
    ]


class Thread:
    """A conversation of one agent; what it yields goes to Slack."""

    id = "s-1"

    def __init__(self, agent: Answerer) -> None:
        self._agent = agent

    def history(self) -> Sequence[Event]:
        return ()

    async def ask(
        self, text: str, *, user: str = "", scope: Scope | None = None
    ) -> AsyncIterator[Event]:
        yield QuestionAsked(text, user)
        async for one in self._agent.investigate(text, _scope()):
            yield one

    async def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        yield InvestigationFailed("x", "x", "x")


def _scope() -> Scope:
    return scope()


class Desk:
    def __init__(self, agent: Answerer) -> None:
        self._agent = agent

    def thread(self, reference: str, *, title: str = "", user: str = "") -> Conversation:
        return Thread(self._agent)

    def claim(self, delivery: str) -> bool:
        return True


async def test_none_of_hundreds_of_secrets_reaches_the_model_or_slack() -> None:
    all_ = planted()
    assert len(all_) >= 200
    assert len(KINDS) >= 25
    slack = SlackServer()
    await slack.start()
    script = [*(calls(one) for one in QUESTIONS), say("It is the cart [ev-0].", times=0)]
    async with OpenAIServer(script, strict=False) as model, ClientSession() as session:
        section = ModelSection(
            name="scripted", base_url=model.base_url, api_key="none", max_steps=20, tools="native",  # type: ignore[arg-type]  # SecretStr takes text
            context_tokens=120_000,
        )  # fmt: skip
        known = sources(all_)
        agent = answerer(Settings(model=section), known, EvidenceEngine(known))
        client = AsyncWebClient(token="xoxb-1", base_url=slack.base_url, session=session)
        bot = build(Desk(agent), client, token="xoxb-1", approvers=("U1",))
        handler = AsyncSocketModeHandler(bot, "xapp-1", web_client=client)
        await handler.connect_async()
        question = "why does cart fail? I tried:\n" + "\n".join(texts(all_, "chat"))
        await slack.deliver("e1", "events_api", mention(question))
        await slack.until(lambda: slack.of("chat.delete"), 60)
        await handler.close_async()
    sent = [json.dumps(body, ensure_ascii=False) for body in model.requests]
    said = json.dumps(slack.calls, ensure_ascii=False)
    await slack.stop()
    assert len(sent) > len(QUESTIONS)
    assert leaked("\n".join(sent), all_) == []
    assert leaked(said, all_) == []
    # it was not silence that kept them: texts of every place came through, masked
    for place in PLACES:
        assert f"mark-{place}-" in sent[-1], place
    assert sent[-1].count("[redacted:") > 50
    assert "mark-" in said


@pytest.mark.parametrize("tokens", [200, 1500, 1_000_000])
async def test_no_page_of_any_evidence_holds_one(tokens: int) -> None:
    all_ = planted()
    box = Toolbox(sources(all_), scope(), Limits(tokens=tokens), ALL_TOOLS)
    known = [(tool.name, EXAMPLES[tool.name]) for tool in ALL_TOOLS]
    shown = ""
    for tool, arguments in (*QUESTIONS, *known):
        try:
            result = await box.call(tool, arguments)
        except ToolFailure as error:
            shown += f"{error}\n"
        else:
            shown += result.text + "\n".join(result.caveats)
    for evidence in box.evidence.values():
        shown += f"{evidence.query}\n{evidence.text}\n{evidence.excerpt}"
    assert leaked(shown, all_) == []
    seen = {one.place for one in all_ if one.mark in shown}
    assert seen == set(PLACES) - {"chat"}
