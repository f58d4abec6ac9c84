"""What a sentence tells as done, and whether what it rests on records anything of the sort.

A sentence may word a recorded act as it likes; but one that tells of an act in the past, in words that no
evidence uses, and rests on a number, a state or a name only, has invented it.
"""

from __future__ import annotations

import re


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
    timed took tried tripled turned used waited was went were worked""")
# Verbs that any recorded change may be told with.
_CHANGES = _words("""adjusted altered bumped changed cut deleted edited enlarged extended flipped introduced lifted lowered made modified
    moved put raised reconfigured reduced removed replaced resized restored reverted rolled set shortened switched
    tightened tuned turned widened wound""")
_IRREGULAR = _words("""broke broken brought bought built caught cut drew drawn drove driven flew forgot gave given hid lit made overrode
    overwrote paid put quit rebuilt redid rewrote rewritten sent set shot shut sold spoke stole stolen struck taken
    threw thrown told took tore torn undid undone withdrew withdrawn won wore wound wrote written""")
_PAST = re.compile(
    r"(?<!\bthe )(?<!\ba )(?<!\ban )(?<!\bof )(?<!\bevery )(?<!\beach )(?<!\ball )(?<!\bany )(?<!\bits )(?<!\bis )(?<!\bare )(?<!-)"
    rf"\b(?!un)([a-z]{{2,}}ed|{'|'.join(sorted(_IRREGULAR))})\b(?!-)",
    re.IGNORECASE,
)
_RECORD = re.compile(
    r"->|→|\b(?:Warning|Normal|Killing|Killed|Preempted|Evicted|Rebooted)\b|[a-z](?:Exceeded|Eviction|Rescale)\b"
    r"|\badd(?:s|ed)?\b|\b(?:creat|delet|remov|patch|edit|updat|appl(?:y|ied)|rollout|rollback|upgrad|replac|restart|scal|kill|evict|"
    r"drain|preempt|taint|rotat|renew|stopp|start|deploy|install|exec|moved|shrink|elect|promot|revert)\w*",
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


def unrecorded(sentence: str, quoted: str, lines: str, everything: str) -> list[str]:
    """Return the acts of a sentence that nothing records.

    `quoted` is what it quotes, `lines` where that stands, `everything` all evidence there is.
    """
    text = re.sub(r"`[^`]*`", " ", sentence)
    known = _LEVELS.sub(" ", everything).casefold()
    changed = _RECORD.search(lines) is not None
    by_someone = _agent(text, everything)
    found = []
    for said in _PAST.finditer(text):
        verb = said[1].lower()
        passive = _PASSIVE.search(text[: said.start()]) is not None
        if verb in _CHANGES or (passive and verb in _DONE):
            recorded = changed
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
        if not re.search(_SAME.get(word, re.escape(word).replace("\\ ", "[ -]")), everything, re.I):
            found.append(f"any {word}")
    return list(dict.fromkeys(found))


def _agent(text: str, everything: str) -> bool:
    """Whether the subject of a sentence is someone of whom the evidence records that something was done by them."""
    first = re.match(r"\W*(?:The |the )?([\w.@-]+(?: (?:team|bot))?)", text)
    name = re.escape(first[1].replace(" ", "-")) if first else ""
    return bool(name) and re.search(rf"\bby {name}(?![\w-])", everything, re.I) is not None


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
