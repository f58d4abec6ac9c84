from textual.pilot import Pilot
from textual.widgets import Input, Markdown, OptionList, Static

from copilot.model.events import QuestionAsked
from tests.scripted import ANSWER, EVIDENCE, MITIGATION, USED, ScriptedConversation
from tui.app import CopilotApp
from tui.approval import ApprovalDialog
from tui.evidence import EvidencePanel, EvidenceScreen
from tui.rating import RatingDialog
from tui.transcript import Transcript

SIZE = (120, 40)


def texts(app: CopilotApp) -> str:
    return "\n".join(str(widget.render()) for widget in app.screen_stack[0].query(Static))


async def ask(pilot: Pilot[None], text: str) -> None:
    await pilot.click(Input)
    await pilot.press(*text, "enter")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_a_question_is_answered_with_evidence_beside_it_and_an_approval_dialog() -> None:
    conversation = ScriptedConversation()
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, "why?")
        assert conversation.asked[0][0] == "why?"
        answers = app.screen_stack[0].query(Markdown)
        assert [answer.source for answer in answers] == [ANSWER]
        options = app.screen_stack[0].query_one(OptionList)
        assert options.option_count == 1
        assert EVIDENCE.id in str(options.get_option_at_index(0).prompt)
        assert "nobody listens" in texts(app)
        assert isinstance(app.screen, ApprovalDialog)
        shown = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
        assert MITIGATION.title in shown
        assert MITIGATION.undo in shown


async def test_the_answer_is_on_the_screen_from_its_beginning() -> None:
    for past in ((), [QuestionAsked(f"{n}?") for n in range(100)]):
        app = CopilotApp(ScriptedConversation(past))
        async with app.run_test(size=SIZE) as pilot:
            await ask(pilot, "why?")
            await pilot.press("escape")
            await pilot.pause()
            transcript = app.query_one(Transcript)
            (answer,) = app.query(Markdown)
            assert answer.region.height > 2
            assert transcript.region.contains_region(answer.region)
            assert 0 <= transcript.scroll_y <= transcript.max_scroll_y


async def test_approving_applies_and_shows_that_the_symptom_is_gone() -> None:
    conversation = ScriptedConversation()
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, "why?")
        await pilot.press("a")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [(a, ok) for a, ok, _ in conversation.decided] == [("ap-1", True)]
        assert not isinstance(app.screen, ApprovalDialog)
        assert "Verified: the symptom is gone" in texts(app)


async def test_enter_in_the_dialog_declines_and_escape_leaves_it_open_for_later() -> None:
    conversation = ScriptedConversation()
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, "why?")
        await pilot.press("escape")
        await pilot.pause()
        assert conversation.decided == []
        await pilot.press("f4")
        await pilot.pause()
        assert isinstance(app.screen, ApprovalDialog)
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [ok for _, ok, _ in conversation.decided] == [False]
        assert "declined" in texts(app)


async def test_evidence_opens_in_full() -> None:
    app = CopilotApp(ScriptedConversation())
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, "why?")
        await pilot.press("escape")
        app.query_one(EvidencePanel).query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, EvidenceScreen)
        shown = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
        assert shown.count("connection refused") == 40
        assert EVIDENCE.query in shown


async def test_a_resumed_session_shows_what_was_said() -> None:
    earlier = ScriptedConversation()
    past = [event async for event in earlier.ask("why?")]
    app = CopilotApp(ScriptedConversation(past))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert [answer.source for answer in app.query(Markdown)] == [ANSWER]
        await pilot.press("f4")
        await pilot.pause()
        assert isinstance(app.screen, ApprovalDialog)


async def test_what_is_used_is_shown_live_and_a_key_stops_the_answer() -> None:
    conversation = ScriptedConversation()
    conversation.patient = True
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        assert "f8" not in app.screen.active_bindings, "there is nothing to stop yet"
        await pilot.click(Input)
        await pilot.press(*"why?", "enter")
        while str(USED) not in texts(app):
            await pilot.pause(0.01)
        assert app.screen.active_bindings["f8"].enabled
        await pilot.press("f8")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert conversation.stopped.is_set()
        assert [answer.source for answer in app.screen_stack[0].query(Markdown)] == [ANSWER]
        assert f"{USED} · f6 rates the answer" in texts(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "f8" not in app.screen.active_bindings


async def test_an_answer_is_rated_by_keys() -> None:
    conversation = ScriptedConversation()
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f6")
        await pilot.pause()
        assert not isinstance(app.screen, RatingDialog), "there is no answer yet"
        await ask(pilot, "why?")
        await pilot.press("escape", "f6")
        await pilot.pause()
        assert isinstance(app.screen, RatingDialog)
        await pilot.press("4", *"right at once", "enter")
        await pilot.pause()
        assert not isinstance(app.screen, RatingDialog)
        (rated,) = conversation.rated
        assert (rated.turn, rated.useful, rated.text) == (0, 4, "right at once")


async def test_a_rating_needs_a_number_and_may_be_left() -> None:
    conversation = ScriptedConversation()
    app = CopilotApp(conversation)
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, "why?")
        await pilot.press("escape", "f6")
        await pilot.click("RatingDialog Input")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, RatingDialog)
        await pilot.click("#useful-2")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, RatingDialog)
        assert conversation.rated == []
