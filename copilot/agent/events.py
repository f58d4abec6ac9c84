"""Does a sentence tell as a fact what nothing in the evidence tells of?"""

from __future__ import annotations

import re

from copilot.agent.concepts import foreign
from copilot.agent.verbs import unrecorded

_SUPPOSED = re.compile(
    r"\b(?:would|could|might|may|should|can|cannot|let|until|unless|if|avoid|prevent\w*|no|not|none|never|without|likely|probabl[ey]|rather than|instead of|rul\w+ out|unrelated|unaffected|other than|apart from|presumably|perhaps|apparently|"
    r"nothing|nobody)\b",
    re.IGNORECASE,
)


_CLAUSE = re.compile(
    r"[;:]\s|,\s(?=(?:and|but|so|yet|which|who|because|since|as|though|although|while|whereas|after|before|when|until)\b)"
    r"|\s(?=(?:because|since|although|whereas|but)\b)",
    re.I,
)


def untold(
    sentence: str,
    quoted: str,
    lines: str,
    everything: str,
    *,
    changes: bool = False,
    vouched: bool = False,
) -> list[str]:
    """Return what a sentence tells as a fact and no evidence does; what is only supposed is left out.

    `quoted` is what it quotes, `lines` where that stands, `everything` all evidence there is; `changes` says that
    a record of changes is cited, `vouched` that the quote gives a number of the sentence.
    """
    stated = " ; ".join(part for part in _CLAUSE.split(sentence) if not _SUPPOSED.search(part))
    if not stated:
        return []
    found = foreign(stated, everything, changes=changes)
    if not vouched:
        found += unrecorded(stated, quoted, lines, everything, changes=changes)
    return list(dict.fromkeys(found))
