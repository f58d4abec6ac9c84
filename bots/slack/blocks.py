"""Slack's blocks, within Slack's limits."""

from __future__ import annotations

from typing import Any

from copilot.model.events import ApprovalNeeded
from copilot.tools.redact import redact

_SECTION = 2900
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
