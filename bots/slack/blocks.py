"""Slack's blocks, within Slack's limits."""

from __future__ import annotations

from typing import Any

from copilot.model.events import ApprovalNeeded
from copilot.tools.redact import redact

_SECTION = 2900
STOP = "stop_answer"
COMMENT = "rate_comment"
_WORDS = ("useless", "hardly", "somewhat", "useful", "very useful")
Block = dict[str, Any]


def approval_blocks(offer: ApprovalNeeded) -> list[Block]:
    """Return the dry run's diff, and the two buttons."""
    m = offer.mitigation
    head = f"*{m.title}*\nRisk: {m.risk}. Undo: {m.undo}"
    return [
        section(head),
        section(f"```{redact(offer.diff).replace('```', chr(39) * 3)[: _SECTION - 100]}```"),
        {
            "type": "actions",
            "block_id": "decision",
            "elements": [
                _button("Approve", "approve_fix", offer.approval, "primary"),
                _button("Decline", "decline_fix", offer.approval, None),
            ],
        },
    ]


def progress_blocks(text: str, spent: str) -> list[Block]:
    """Return what is being done, what the answer has used so far, and the button that ends it."""
    stop = _button("Stop", STOP, "stop", "danger")
    blocks = [section(text), {"type": "actions", "block_id": "progress", "elements": [stop]}]
    if spent:
        used = {"type": "context", "elements": [{"type": "mrkdwn", "text": spent}]}
        blocks.insert(1, used)
    return blocks


def rating_blocks(turn: int, said: str) -> list[Block]:
    """Return the buttons 1 to 5 and the one for words, for the answer to the question at `turn`."""
    buttons = [
        _button(f"{n} {word}" if n in (1, 5) else str(n), f"rate_{n}", str(turn), None)
        for n, word in enumerate(_WORDS, 1)
    ]
    buttons.append(_button("Comment…", COMMENT, str(turn), None))
    return [section(said), {"type": "actions", "block_id": "rating", "elements": buttons}]


def rating_dialog(callback: str, metadata: str) -> Block:
    """Return the dialog for a rating with words; `metadata` comes back with it."""
    options = [
        {"text": {"type": "plain_text", "text": f"{n} {word}"}, "value": str(n)}
        for n, word in enumerate(_WORDS, 1)
    ]
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": metadata,
        "title": {"type": "plain_text", "text": "Rate this answer"},
        "submit": {"type": "plain_text", "text": "Store"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {
                "type": "input",
                "block_id": "useful",
                "label": {"type": "plain_text", "text": "How useful was it?"},
                "element": {"type": "static_select", "action_id": "value", "options": options},
            },
            {
                "type": "input",
                "block_id": "text",
                "optional": True,
                "label": {"type": "plain_text", "text": "What was good, what was wrong?"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "value",
                    "multiline": True,
                    "max_length": 3000,
                },
            },
        ],
    }


def section(text: str) -> Block:
    """Return a paragraph of Slack's own markup, cut to Slack's limit."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION] or " "}}


def pieces(text: str, size: int = 11_000) -> list[str]:
    """Cut Markdown into messages that Slack takes, at line ends where there are any."""
    parts = []
    while len(text) > size:
        end = text.rfind("\n", size // 2, size)
        end = end if end > 0 else size
        parts.append(text[:end])
        text = text[end:]
    return [*parts, text] if text.strip() else parts


def _button(text: str, action: str, value: str, style: str | None) -> Block:
    button: Block = {
        "type": "button",
        "action_id": action,
        "value": value,
        "text": {"type": "plain_text", "text": text},
    }
    return {**button, "style": style} if style else button
