"""Text from outside that speaks to the model: found, and reported to the person.

What stops it is elsewhere: the model has no tool that writes, what it says is checked, the engine
arbitrates, people approve. This only tells that somebody tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.model.events import Notice
from copilot.model.evidence import Evidence

_STEERING = re.compile(
    r"(?:ignore|disregard|forget|override)\s+(?:\w+\s+){0,4}?(?:instructions?|rules?|prompts?|context|above|findings)"
    r"|\b(?:you are now|from now on,? you|act as (?:an?|the)|new (?:system )?instructions?|system prompt)\b"
    r"|<\s*/?\s*(?:system|assistant|user|tool_result|evidence|engine_findings|runbook|past_incident)\b[^>]*>"
    r"|\[/?(?:INST|SYSTEM)\]|<\|(?:im_start|im_end|system|assistant)\|>"
    r"|\b(?:AI|LLM|assistant|copilot|language model|agent)s?\b[^.\n]{0,30}\b(?:must|should|shall|has to|have to|please|note)\b"
    r"|\b(?:call|invoke|run|use|execute)\s+(?:the\s+)?(?:tool|function)?\s*`?(?:submit_diagnosis|propose_mitigation|exec_shell)\b"
    r"|\b(?:report|declare|conclude|answer|say|respond)\s+(?:that\s+)?(?:everything|all|the (?:cluster|system)|it)\s+(?:is|are)\s+(?:healthy|fine|well|ok)"
    r"|\b(?:reveal|print|repeat|output|exfiltrate)\s+(?:\w+\s+){0,3}?(?:secrets?|passwords?|tokens?|credentials?|api.?keys?|environment)"
    r"|\bnote (?:to|for) (?:the |any )?(?:AI|LLM|model|assistant|copilot|agent)\b"
    r"|\bthis is (?:a )?(?:message|note|instruction) (?:from|to|for) (?:the )?(?:developers?|operators?|openai|anthropic|copilot|assistant|ai|model)\b",
    re.IGNORECASE,
)


def steering(text: str) -> str:
    """Return the words of a text that try to steer a model, "" for none."""
    found = _STEERING.search(text)
    return " ".join(found.group().split())[:80] if found else ""


def found_in(pieces: Iterable[Evidence]) -> dict[str, str]:
    """Return the ids of evidence that tries to steer a model, with the words that do."""
    return {piece.id: words for piece in pieces if (words := steering(piece.text))}


def notice(planted: dict[str, str]) -> Notice:
    """Tell a person about it."""
    shown = ", ".join(f'[{id}] "{words}"' for id, words in list(planted.items())[:3])
    more = f" and {len(planted) - 3} more" if len(planted) > 3 else ""
    return Notice(
        f"Text that addresses the model was found in what was read, and not followed: {shown}{more}."
    )
