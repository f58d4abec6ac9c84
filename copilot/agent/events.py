"""Does a sentence tell as a fact what nothing in the evidence tells of?"""

from __future__ import annotations

import re

from copilot.agent.concepts import foreign
from copilot.agent.verbs import unrecorded

_SUPPOSED = re.compile(
    r"\b(?:would|could|might|may|should|can|cannot|let|until|unless|if|avoid|prevent\w*|no|not|none|never|without|"
    r"nothing|nobody)\b",
    re.IGNORECASE,
)


def untold(sentence: str, quoted: str, lines: str, everything: str) -> list[str]:
    """Return what a sentence tells as a fact and no evidence does; what is only supposed is left out.

    `quoted` is what it quotes, `lines` where that stands, `everything` all evidence there is.
    """
    if _SUPPOSED.search(sentence):
        return []
    found = [*foreign(sentence, everything), *unrecorded(sentence, quoted, lines, everything)]
    return list(dict.fromkeys(found))
