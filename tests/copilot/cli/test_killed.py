"""`ask` is killed for good at any moment, and gone on with: nothing is done twice, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import select

from copilot.cli.exits import ExitCode
from copilot.model.events import (
    AnswerGiven,
    Event,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.sessions.codec import encode
from copilot.sessions.database import open_database
from copilot.sessions.ledger import AnswerLedger
from copilot.sessions.schema import journal
from copilot.sessions.store import SessionStore
from eval.environments.emulator.environment import Emulator
from tests.copilot.cli.conftest import COMMAND

pytestmark = pytest.mark.asyncio(loop_scope="module")

APP = Path(__file__).parents[2] / "eval" / "faults" / "apps" / "bookshop.yaml"
WHY, SHOW = "what is wrong?", "show me the notes of the team"
UNITS = 60
"""About how many signs of life a whole run gives; a kill after more than there are is none."""

TOOLS = '''
import os, time

def look(topic: str) -> str:
    """Read the team's notes on a topic."""
    with open(os.environ["CALLS_OF_TOOLS"], "a") as calls:
        calls.write(topic + "\\n")
    time.sleep(0.02)
    return f"note on {topic}: its last release was 17 days ago"
'''
PROSE = "The note says `note on a: its last release was 17 days ago` [{note}]. "


@dataclass
class Endpoint:
    """A model that answers by what it was told, slowly; whoever asks gets the same from it."""

    heard: Callable[[], None] = lambda: None
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    async def chat(self, request: web.Request) -> web.StreamResponse:
        messages = (await request.json())["messages"]
        step = sum(message["role"] == "assistant" for message in messages)
        whole = json.dumps(messages, ensure_ascii=False)
        self.asked[str(step)] += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in (*_chunks(whole, step), "[DONE]"):
            self.heard()
            await response.write(f"data: {chunk}\n\n".encode())
            await asyncio.sleep(0.005)
        return response


def _chunks(said: str, step: int) -> list[str]:
    note = (re.findall(r'evidence=\\"(ev-\w+)', said) or [""])[0]
    wanted: list[tuple[str, dict[str, Any]]] = []
    text = ""
    if step == 0:
        wanted = [("team__look", {"topic": "a"}), ("team__look", {"topic": "b"})]
    elif SHOW in said:
        text = PROSE.format(note=note) * 8
    elif step == 1:
        wanted = [("team__look", {"topic": "c"}), ("get_logs", {"service": "web"})]
    else:
        service = {"kind": "Service", "namespace": "bookshop", "name": "catalog"}
        cause = {
            "object": service,
            "cause": "service.target_port_mismatch",
            "summary": PROSE.format(note=note),
            "confidence": 0.9,
            "evidence": [note],
        }
        answer = {"verdict": "incident", "summary": PROSE.format(note=note)}
        wanted = [("submit_diagnosis", {**answer, "root_causes": [cause], "mitigations": []})]
    deltas: list[dict[str, Any]] = [{"content": text[n : n + 24]} for n in range(0, len(text), 24)]
    for number, (name, arguments) in enumerate(wanted):
        written = json.dumps(arguments)
        function: dict[str, str] = {"name": name, "arguments": written[:20]}
        head = {"index": number, "id": f"c{step}.{number}", "type": "function"}
        deltas.append({"tool_calls": [{**head, "function": function}]})
        rest = {"index": number, "function": {"arguments": written[20:]}}
        deltas.append({"tool_calls": [rest]})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return [json.dumps({**base, "choices": [choice]}) for choice in choices]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Emulator]:
    start = datetime.now(UTC) - timedelta(seconds=720)
    emulator = await Emulator.start(
        APP, warmup_seconds=600, start=start, faults=[("service_target_port", "catalog")]
    )
    await emulator.clock.sleep(120)
    yield emulator
    await emulator.close()


@pytest_asyncio.fixture(loop_scope="module")
async def endpoint() -> AsyncIterator[Endpoint]:
    served = Endpoint()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", served.chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = "http://127.0.0.1:{1}/v1".format(*runner.addresses[0])
    yield served
    await runner.cleanup()


@dataclass
class Asker:
    """Runs `ask` in processes of their own on one state folder."""

    shop: Emulator
    endpoint: Endpoint
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "team_tools.py").write_text(TOOLS)
        self.calls = self.folder / "calls"
        self.calls.touch()

    @property
    def _variables(self) -> dict[str, str]:
        toolsets = {"team": {"functions": ["team_tools:look"], "allow": ["*"]}}
        return {
            **os.environ,
            "KUBECONFIG": str(self.shop.kubeconfig),
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(self.folder), os.environ.get("PYTHONPATH")))
            ),
            "CALLS_OF_TOOLS": str(self.calls),
            "TERM": "dumb",
            "INCIDENT_COPILOT_STATE__FOLDER": str(self.folder),
            "INCIDENT_COPILOT_PROMETHEUS__URL": self.shop.prometheus_url,
            "INCIDENT_COPILOT_KNOWLEDGE__BUILTIN": "false",
            "INCIDENT_COPILOT_MITIGATION__ENABLED": "false",
            "INCIDENT_COPILOT_TOOLSETS": json.dumps(toolsets),
            "INCIDENT_COPILOT_MODEL__BASE_URL": self.endpoint.url,
            "INCIDENT_COPILOT_MODEL__NAME": "scripted",
            "INCIDENT_COPILOT_MODEL__API_KEY": "key-of-a-test",
        }

    async def run(
        self, *words: str, kill_after: int = -1, wait: float = 0.0
    ) -> tuple[int, str, str]:
        """Run `ask` on a terminal and kill it `wait` seconds after a sign of life; return its code,
        what it showed, and its narration."""
        loop = asyncio.get_running_loop()
        screen, end = os.openpty()
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            "ask",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=end,
            stderr=asyncio.subprocess.PIPE,
            env=self._variables,
        )
        os.close(end)
        shown: list[bytes] = []
        os.set_blocking(screen, False)
        loop.add_reader(screen, lambda: _take(screen, shown))
        seen = 0

        def kill() -> None:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)

        def alive() -> None:
            nonlocal seen
            if seen == kill_after:
                loop.call_later(wait, kill)
            seen += 1

        alive()
        self.endpoint.heard = alive
        lines = []
        assert process.stderr is not None
        async for line in process.stderr:
            alive()
            lines.append(line.decode())
        code = await process.wait()
        await asyncio.sleep(0.02)
        loop.remove_reader(screen)
        _take(screen, shown)
        os.close(screen)
        narration = "".join(lines)
        assert "Traceback" not in narration, narration
        return code, b"".join(shown).decode(), narration


def _take(screen: int, shown: list[bytes]) -> None:
    try:
        while part := os.read(screen, 65536):
            shown.append(part)
    except (BlockingIOError, OSError):
        return


@dataclass(frozen=True)
class Stored:
    """What is on disk."""

    session: str
    events: list[Event]
    done: tuple[str, ...]
    """Topics of the calls whose result is stored."""
    replies: frozenset[str]
    """Steps of the model whose reply is stored."""
    evidence: frozenset[str]
    booked: int

    @classmethod
    def of(cls, folder: Path) -> Stored:
        db = open_database(f"sqlite:///{folder}/copilot.db")
        try:
            store = SessionStore(db)
            session = next((info.id for info in store.recent()), "")
            events = store.events(session) if session else []
            with db.connect() as connection:
                rows = connection.execute(select(journal)).all()
            results = json.dumps([row.body for row in rows if row.key.startswith("call ")])
            finished = json.dumps([encode(e) for e in events if e.type == "tool_finished"])
            done = set(re.findall(r"note on (\w):", results + finished))
            keys = [row.key.rpartition(".") for row in rows if row.key.startswith("reply ")]
            replies = frozenset(step for _, _, step in keys)
            pieces = frozenset(e.id for e in store.evidence(session)) if session else frozenset()
            booked = len(AnswerLedger(db).answered())
            return cls(session, events, tuple(sorted(done)), replies, pieces, booked)
        finally:
            db.dispose()

    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta))


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


async def killed_and_resumed(asker: Asker, question: str, *kills: tuple[int, float]) -> int:
    """Ask, die at each of `kills` in turn, go on to the end; return how many came in time."""
    before, calls_then, asked_then = Stored.of(asker.folder), Counter[str](), Counter[str]()
    code, came, narration, screens = 1, 0, "", []
    for point, wait in (*kills, (10**9, 0.0)):
        words = ("--session", before.session) if before.events else (question,)
        code, shown, said = await asker.run(*words, kill_after=point, wait=wait)
        narration += said
        screens.append(shown)
        now, calls = Stored.of(asker.folder), Counter(asker.calls.read_text().split())
        for topic in before.done:
            assert calls[topic] == calls_then[topic], "a call whose result is stored is repeated"
        for step in before.replies:
            assert asker.endpoint.asked[step] == asked_then[step], "a stored reply is asked again"
        assert before.evidence <= now.evidence, "an evidence id is lost"
        assert now.text().startswith(before.text()), "a text is lost"
        assert not before.events or now.session == before.session
        before, calls_then, asked_then = now, calls, Counter(asker.endpoint.asked)
        if code != -signal.SIGKILL:
            break
        came += 1
    assert code == ExitCode.OK, narration
    assert set(before.done) == ({"a", "b"} if question == SHOW else {"a", "b", "c"})
    assert set(re.findall(r"\[(ev-\w{10})\]", narration)) <= before.evidence
    check_story(before, question, screens)
    return came


def check_story(stored: Stored, question: str, screens: list[str]) -> None:
    """Check that the session reads as if nobody had ever been killed."""
    questions = [e.text for e in stored.events if isinstance(e, QuestionAsked)]
    (given,) = [e for e in stored.events if isinstance(e, AnswerGiven)]
    assert questions == [question]
    assert stored.text() == given.text, "text is lost, or stored twice"
    assert letters(given.text)[-40:] in letters(screens[-1]), "the person does not see the end"
    if question == SHOW:
        assert given.text.count("17 days ago") == 8
        for shown in screens[:-1]:
            assert letters(shown) in letters(given.text), "what was seen is not in the answer"
    told = [(e.type, e.call) for e in stored.events if isinstance(e, ToolStarted | ToolFinished)]
    assert len(told) == len(set(told)), "a call is told twice"
    assert (stored.booked, stored.replies) == (1, frozenset())


def points(seed: int, count: int) -> list[tuple[str, int, float]]:
    """Draw questions, signs of life and seconds: some in the start, most while it works."""
    chosen = random.Random(seed)
    drawn = []
    for number in range(count):
        question = (WHY, SHOW)[number % 2]
        start = number % 5 == 4
        point = 0 if start else chosen.randrange(1, UNITS)
        drawn.append((question, point, chosen.random() * (1.5 if start else 0.06)))
    return drawn


async def test_killed_twice_and_resumed(shop: Emulator, endpoint: Endpoint, tmp_path: Path) -> None:
    asker = Asker(shop, endpoint, tmp_path / "state")
    assert await killed_and_resumed(asker, SHOW, (9, 0.02), (6, 0.01)) == 2


@pytest.mark.matrix
async def test_killed_at_twenty_random_points(
    shop: Emulator, endpoint: Endpoint, tmp_path: Path
) -> None:
    came = 0
    for number, (question, *kill) in enumerate(points(3, 20)):
        endpoint.asked.clear()
        asker = Asker(shop, endpoint, tmp_path / f"state-{number}")
        came += await killed_and_resumed(asker, question, (kill[0], kill[1]))
    print(f"{came} of 20 kills came before the answer was complete")
    assert came >= 15
