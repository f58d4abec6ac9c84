from textual.pilot import Pilot
from textual.widgets import Input, Markdown, OptionList, Static

from tests.scripted import ANSWER, EVIDENCE, MITIGATION, ScriptedConversation
from tui.app import CopilotApp
from tui.approval import ApprovalDialog
from tui.evidence import EvidencePanel, EvidenceScreen

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
