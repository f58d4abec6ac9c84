"""What a sentence tells as done, and whether what it rests on records anything of the sort.

A sentence may word a recorded act as it likes; but one that tells of an act in the past, in words that no
evidence uses, and rests on a number, a state or a name only, has invented it.
"""

from __future__ import annotations

import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Verbs that tell of no act: how much, how long, in which order, what is, what is seen.
_NEUTRAL = _words("""added amounted answered appeared arrived asked averaged based became been began behaved called came caused ceased
    climbed closed coincided compared completed connected consisted contained continued counted covered decreased
    depended did differed doubled dropped ended exceed exceeded exhausted expected explained failed feed fell filled
    finished fit fitted fixed followed found full got grew grown halved had happened held hit hung included increased
    indeed involved jumped kept known labelled lacked lasted led left let linked listed logged looked lost matched
    matter meant measured met missed named need needed noted observed occupied occurred passed paused peaked piled
    placed preceded proceed proved quadrupled queued ran reached ready recorded recovered refused related rejected
    remained reported required reserved resulted returned risen rose run sank sat saturated saw seed seemed seen served
    shared showed shown shrank slowed speed spent spread started stayed stood stopped succeed succeeded surpassed tested
    affected applied belonged carried delayed denied given handled hundred issued loaded opened owned processed received
    resolved responded routed scheduled signalled sized slept stored stretched stuck suffered supported written
    timed took tried tripled turned used waited was went were worked
    accelerated accepted accounted accrued accumulated aimed aligned allocated allowed amassed anticipated attempted attributed
    balanced bunched calculated capped collapsed collected combined concentrated concerned considered consumed converged coped correlated
    crept crossed crowded declined deduced delivered depleted derived described designed detected deteriorated determined deviated
    diminished directed disappeared dominated drifted dwindled eased emerged emptied encountered endured entailed equalled estimated
    evolved examined excluded executed exhibited existed expanded experienced exploded faced faded featured flattened flowed fluctuated
    gathered generated hovered idled implied improved indicated inferred inspected intended joined judged landed lagged levelled
    lingered maintained managed marked mentioned mounted multiplied narrowed neared obtained offered operated originated outgrew
    outlived outpaced overflowed overlapped overloaded overtook performed permitted persisted pinned plateaued plummeted plunged
    pointed poured presented presumed prevailed produced progressed prolonged propagated qualified reacted realised reckoned reflected
    registered relied repeated represented resembled resided respected rested retained retried revealed rocketed sampled saturated
    scored settled skipped slid slipped slumped soared sounded spanned spiked spilled sprang squeezed stabilised stacked staggered
    stalled stemmed straddled strained struggled subsided sufficed suggested summed supposed surged survived sustained swamped
    swelled swung taken talked tended thought told tolerated topped totalled touched trailed translated travelled trended trickled
    tripped undergone understood unaffected utilised vanished varied violated waded waned warranted watched weakened weighed
    withstood witnessed worsened limited restricted granted multiplied untouched fitted owed triggered noticed brought vanished died yielded confined pressed counted overdue rejected queued throttled blamed expressed meant""")
# Verbs that any recorded change may be told with.
_CHANGES = _words("""adjusted altered bumped changed cut deleted edited enlarged extended flipped introduced lifted lowered made modified
    moved put raised reconfigured reduced removed replaced resized restored reverted rolled set shortened switched
    tightened tuned turned widened wound""")
_IRREGULAR = _words("""broke broken brought bought built caught cut drew drawn drove driven flew forgot gave given hid lit made overrode
    overwrote paid put quit rebuilt redid rewrote rewritten sent set shot shut sold spoke stole stolen struck taken
    threw thrown told took tore torn undid undone withdrew withdrawn won wore wound wrote written""")
# What no record of changes shows: what people say, find out, plan, take back, or fail in.
_TALK = _words("""agreed announced apologised approved asked cancelled complained confirmed decided discovered escalated failed filed
    forgot informed mentioned noticed notified ordered planned promised refused reported requested scheduled spoke told tried warned""")
_AGAIN = re.compile(
    r"\b(?:again|back|twice|repeatedly|by mistake|on purpose|accidentally|in vain)\b", re.I
)
_PAST = re.compile(
    r"(?<!\bthe )(?<!\ba )(?<!\ban )(?<!\bof )(?<!\bevery )(?<!\beach )(?<!\ball )(?<!\bany )(?<!\bits )(?<!\bis )(?<!\bare )(?<!-)(?<!\bDF )"
    rf"\b(?!un)([a-z]{{2,}}ed|{'|'.join(sorted(_IRREGULAR))})\b(?!-)(?! (?:away|out|on top|to be)\b)",
    re.IGNORECASE,
)
_RECORD = re.compile(
    r"->|→|\b(?:Warning|Normal|Killing|Killed|Preempted|Evicted|Rebooted)\b|[a-z](?:Exceeded|Eviction|Rescale)\b"
    r"|\badd(?:s|ed)?\b|\b(?:creat|delet|remov|patch|edit|updat|appl(?:y|ied)|rollout|rollback|upgrad|replac|restart|scal|kill|evict|"
    r"drain|preempt|taint|rotat|renew|stopp|start|deploy(?!ments?\b)|install|exec|moved|shrink|elect|promot|revert|enabl|disabl|switch|suspend|"
    r"resum|provision|merg|releas|\"(?:old|new|op|patch)\":)\w*(?!\w*[\"']?[:= ]+0\b)",
    re.I,
)
_PEOPLE = re.compile(
    r"\b(?:developer|engineer|analyst|dba|admin|administrator|operator|vendor|provider|contractor|intern|attacker|"
    r"hacker|botnet|crawler|auditor|on-?call|colleague|management|customer|competitor|supplier|manager|employee|"
    r"(?:network|security|platform|data|storage|operations) team|someone|somebody)s?\b"
    r"(?= (?:\w+ ){0,2}?(?:[a-z]+ed|began|ran|gave|took|made|sent|put|cut|shut|set|wrote|did|had|was)\b)",
    re.IGNORECASE,
)
_SAME = {"dba": "dba|database", "provider": "provider|cloud", "customer": "customer|user|client"}


def unrecorded(
    sentence: str, quoted: str, lines: str, everything: str, *, changes: bool = False
) -> list[str]:
    """Return the acts of a sentence that nothing records.

    `quoted` is what it quotes, `lines` where that stands, `everything` all evidence there is.
    """
    text = re.sub(r"`[^`]*`", " ", sentence)
    known = _heads(_LEVELS.sub(" ", everything))
    changed = changes or _RECORD.search(lines) is not None
    by_someone = _agent(text, everything)
    found = []
    for said in _PAST.finditer(text):
        verb = said[1].lower()
        passive = _PASSIVE.search(text[: said.start()]) is not None
        if verb in _CHANGES or (passive and verb in _DONE):
            recorded = changed or bool({verb[:4], verb[:3]} & _heads(quoted))
        elif changes and verb not in _TALK and not _AGAIN.search(text):
            recorded = True  # a record of changes may be told in any words of doing
        elif verb.startswith("over") and verb not in _IRREGULAR:
            recorded = True
        elif by_someone and not passive:
            recorded = verb in _ALWAYS or _stem(verb) in known
        else:
            recorded = (
                verb in _NEUTRAL or _stem(verb) in known or _RECORD.search(quoted) is not None
            )
        if not recorded:
            found.append(f'what was "{verb}"')
    for person in _PEOPLE.findall(text):
        word = person.casefold()
        if word in ("someone", "somebody") and re.search(r"\bby [\w.@-]+|\(\w\.\w+\)", lines):
            continue
        if not re.search(_SAME.get(word, re.escape(word).replace("\\ ", "[ -]")), everything, re.I):
            found.append(f"any {word}")
    return list(dict.fromkeys(found))


def _agent(text: str, everything: str) -> bool:
    """Whether the subject of a sentence is someone of whom the evidence records that something was done by them."""
    first = re.match(r"\W*(?:The |the )?([\w.@-]+(?: (?:team|bot))?)", text)
    name = re.escape(first[1].replace(" ", "-")) if first and len(first[1]) > 2 else ""
    return bool(name) and re.search(rf"\bby {name}(?![\w.-])", everything, re.I) is not None


@lru_cache(maxsize=256)
def _heads(text: str) -> frozenset[str]:
    """Return how the words of a text begin, those in names such as FailedMount too."""
    words = re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]{2,}", text)
    return frozenset(word[:n].casefold() for word in words for n in (3, 4))


_LEVELS = re.compile(r"\b(?:WARN|WARNING|Warning|ERROR|Error|FATAL|INFO|DEBUG|Normal)\b")
_PASSIVE = re.compile(
    r"\b(?:was|were|been|being|got)\s+(?:\w+ly\s+|also\s+|first\s+|then\s+)?$", re.I
)
# Of things these tell of no act, done to something or by someone they do.
_DONE = _words(
    "added called cleared closed dropped fixed lost moved opened passed paused reported stopped tested used warned"
)
_ALWAYS = _words("did had made was were")


def _stem(verb: str) -> str:
    return verb[:4] if len(verb) > 4 else verb[:3]
