"""The real Bolt app against a loopback Slack, through Socket Mode and through HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.app import build
from copilot.sessions.protocols import Conversation
from tests.loopback.slack_server import SECRET, SlackServer, click, dialog, mention, signed
from tests.scripted import ANSWER, EVIDENCE, MITIGATION, USED, ScriptedConversation


class Desk:
    def __init__(self) -> None:
        self.threads: dict[str, ScriptedConversation] = {}
        self.claimed: set[str] = set()

    def thread(self, reference: str, *, title: str = "", user: str = "") -> Conversation:
        conversation = self.threads.setdefault(reference, ScriptedConversation())
        conversation.patient = title == "take your time"
        return conversation

    def claim(self, delivery: str) -> bool:
        fresh = delivery not in self.claimed
        self.claimed.add(delivery)
        return fresh


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    server = SlackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(slack: SlackServer) -> AsyncIterator[AsyncWebClient]:
    async with ClientSession() as session:
        yield AsyncWebClient(token="xoxb-1", base_url=slack.base_url, session=session)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def socket(
    slack: SlackServer, client: AsyncWebClient, desk: Desk
) -> AsyncIterator[SlackServer]:
    app = build(desk, client, token="xoxb-1", approvers=("U1",))
    handler = AsyncSocketModeHandler(app, "xapp-1", web_client=client)
    await handler.connect_async()
    yield slack
    await handler.close_async()


async def test_a_mention_is_answered_in_its_thread(socket: SlackServer, desk: Desk) -> None:
    await socket.deliver("e1", "events_api", mention("why is it failing?"))
    await socket.until(lambda: socket.of("chat.delete"))
    posts = socket.of("chat.postMessage")
    assert {post["thread_ts"] for post in posts} == {"100.1"}
    answers = [post["markdown_text"] for post in posts if "markdown_text" in post]
    assert answers == [ANSWER]
    assert EVIDENCE.id in answers[0]
    (offer,) = [post for post in posts if "Proposed" in post.get("text", "")]
    buttons = offer["blocks"][-1]["elements"]
    assert [b["action_id"] for b in buttons] == ["approve_fix", "decline_fix"]
    assert {b["value"] for b in buttons} == {"ap-1"}
    assert "targetPort: 8080" in json.dumps(offer["blocks"])
    assert desk.threads["slack:T1:C1:100.1"].asked == [("why is it failing?", "slack:U1")]


async def test_the_same_delivery_twice_is_answered_once(socket: SlackServer, desk: Desk) -> None:
    await socket.deliver("e1", "events_api", mention("why?"))
    await socket.deliver("e2", "events_api", mention("why?"))
    await socket.deliver("e3", "events_api", mention("else?", event="Ev2", ts="200.1"))
    await socket.until(lambda: len(socket.of("chat.delete")) == 2 and len(socket.acked) == 3)
    assert [c.asked for c in desk.threads.values()] == [
        [("why?", "slack:U1")],
        [("else?", "slack:U1")],
    ]


async def test_a_thread_is_one_conversation(socket: SlackServer, desk: Desk) -> None:
    await socket.deliver("e1", "events_api", mention("why?"))
    await socket.until(lambda: socket.of("chat.delete"))
    await socket.deliver(
        "e2", "events_api", mention("is it safe?", event="Ev2", ts="101.1", thread="100.1")
    )
    await socket.until(lambda: len(socket.of("chat.delete")) == 2)
    assert [text for text, _ in desk.threads["slack:T1:C1:100.1"].asked] == ["why?", "is it safe?"]


async def test_the_button_applies_the_fix_once_and_says_how_it_went(
    socket: SlackServer, desk: Desk
) -> None:
    await socket.deliver("e1", "events_api", mention("why?"))
    await socket.until(lambda: socket.of("chat.delete"))
    await socket.deliver("e2", "interactive", click("approve_fix", "ap-1"))
    await socket.deliver("e3", "interactive", click("approve_fix", "ap-1"))
    await socket.until(lambda: "Verified" in str(socket.of("chat.postMessage")[-1]))
    await socket.until(lambda: len(socket.acked) == 3)
    assert desk.threads["slack:T1:C1:100.1"].decided == [("ap-1", True, "slack:U1")]
    updated = socket.of("chat.update")[-1]
    assert "Approved by <@U1>" in updated["text"]
    assert not any(block["type"] == "actions" for block in updated["blocks"])
    assert any(MITIGATION.title in str(post) for post in socket.of("chat.postMessage"))


async def test_who_may_not_approve_is_told_so_and_nothing_happens(
    socket: SlackServer, desk: Desk
) -> None:
    await socket.deliver("e1", "events_api", mention("why?"))
    await socket.until(lambda: socket.of("chat.delete"))
    await socket.deliver("e2", "interactive", click("approve_fix", "ap-1", user="U2"))
    await socket.until(lambda: socket.of("chat.postEphemeral"))
    assert socket.of("chat.postEphemeral")[0]["user"] == "U2"
    assert desk.threads["slack:T1:C1:100.1"].decided == []


def rating(slack: SlackServer, method: str = "chat.postMessage") -> dict[str, Any]:
    """The newest message that asks for, or shows, ratings."""
    found = [m for m in slack.of(method) if "How useful" in str(m.get("text"))]
    return found[-1] if found else {}


async def test_the_budget_is_shown_while_it_works_and_the_button_stops_it(
    socket: SlackServer, desk: Desk
) -> None:
    await socket.deliver("e1", "events_api", mention("take your time"))
    await socket.until(lambda: any(str(USED) in str(m) for m in socket.of("chat.update")))
    progress = socket.of("chat.update")[-1]["blocks"]
    assert str(USED) == progress[1]["elements"][0]["text"]
    (stop,) = progress[-1]["elements"]
    assert stop["action_id"] == "stop_answer"
    await socket.deliver("e2", "events_api", mention("and?", event="Ev2", thread="100.1"))
    await socket.until(lambda: "question before this one" in str(socket.of("chat.postMessage")[-1]))
    await socket.deliver("e3", "interactive", click("stop_answer", stop["value"], user="U7"))
    await socket.until(lambda: rating(socket))
    posts = [
        post.get("text", "") + post.get("markdown_text", "")
        for post in socket.of("chat.postMessage")
    ]
    assert any("<@U7> stopped the answer" in post for post in posts)
    assert ANSWER in posts
    assert socket.of("chat.delete"), "the button goes with the line of progress"
    assert [text for text, _ in desk.threads["slack:T1:C1:100.1"].asked] == ["take your time"]


async def test_nothing_is_stopped_twice(socket: SlackServer) -> None:
    await socket.deliver("e1", "interactive", click("stop_answer", "stop", user="U7"))
    await socket.until(lambda: socket.of("chat.postEphemeral"))
    assert "nothing to stop" in socket.of("chat.postEphemeral")[0]["text"]


async def test_an_answer_is_rated_by_number_and_in_words(socket: SlackServer, desk: Desk) -> None:
    await socket.deliver("e1", "events_api", mention("why?"))
    await socket.until(lambda: rating(socket))
    buttons = rating(socket)["blocks"][-1]["elements"]
    assert [b["text"]["text"] for b in buttons] == [
        "1 useless", "2", "3", "4", "5 very useful", "Comment…",
    ]  # fmt: skip
    assert {b["value"] for b in buttons} == {"0"}
    await socket.deliver("e2", "interactive", click("rate_4", "0"))
    await socket.until(lambda: "4.0 of 5 by 1 person" in str(rating(socket, "chat.update")))
    await socket.deliver("e3", "interactive", click("rate_comment", "0", user="U2"))
    await socket.until(lambda: socket.of("views.open"))
    opened = socket.of("views.open")[0]
    assert opened["trigger_id"] == "t-1"
    given = {"useful": {"selected_option": {"value": "2"}}, "text": {"value": "too late"}}
    await socket.deliver("e4", "interactive", dialog(opened["view"], user="U2", **given))
    await socket.until(lambda: "3.0 of 5 by 2 people" in str(rating(socket, "chat.update")))
    updated = rating(socket, "chat.update")
    assert updated["ts"] == "1005.1"
    assert updated["blocks"][-1]["type"] == "actions", "others may still rate"
    rated = desk.threads["slack:T1:C1:100.1"].rated
    assert [(r.user, r.turn, r.useful, r.text) for r in rated] == [
        ("slack:U1", 0, 4, ""),
        ("slack:U2", 0, 2, "too late"),
    ]


async def test_over_http_only_signed_requests_are_answered(
    slack: SlackServer, client: AsyncWebClient, desk: Desk
) -> None:
    app = build(desk, client, token="xoxb-1", signing_secret=SECRET)
    runner = web.AppRunner(app.web_app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    body = json.dumps(mention("why?"))
    async with ClientSession() as session:
        async with session.post(url, data=body, headers=signed(body, secret="wrong")) as forged:
            assert forged.status == 401
        async with session.post(url, data=body, headers=signed(body)) as genuine:
            assert genuine.status == 200
    await slack.until(lambda: slack.of("chat.delete"))
    assert [c.asked for c in desk.threads.values()] == [[("why?", "slack:U1")]]
    await runner.cleanup()
