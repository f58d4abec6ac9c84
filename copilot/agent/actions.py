"""What people and controllers do, and the words by which evidence shows that they did.

A sentence that tells such an act as a fact needs evidence of one of its kind. Who did it, and to what, is
checked elsewhere; here only whether anything like it is recorded at all.
"""

from __future__ import annotations

import re

_CHANGE = r"->|→|chang\w*|patch\w*|edit\w*|updat\w*|\bset\b|appl(?:y|ied)|rollout|upgrade\w*|replac\w*|modif\w*"
_ACTS: dict[str, tuple[str, str]] = {
    # what: (how a sentence tells of it, how evidence may show it besides)
    "a deletion": (r"deleted|removed|dropped(?! off| to| by| from)|wiped|erased|purged|cleaned up", r"delet\w*|remov\w*|drop\w*|prun\w*|clean\w*|killing|-> ?(?:none|0|\(none\)|\"\")|evict\w*|terminat\w*|purg\w*|unset|gone|missing|not found|truncat|expir|\brm\b|-> ?(?:\{\}|\[\])|op\":\"remove"),
    "an edit": (r"edited|modified|reconfigured|rewritten|rewrote|altered|tampered", _CHANGE),
    "a rollout": (r"rolled out|deployed|released|shipped|upgraded|downgraded", rf"{_CHANGE}|deploy(?:ed|ing|s)\b|releas\w*|creat\w*|install\w*"),
    "a roll-back": (r"rolled back|reverted|undone|undid|(?:rolled|switched|turned|put|moved|scaled|changed|set) (?:[\w.-]+ ){1,4}(?:back|again)\b(?! (?:in|into|on|to)\b)|(?:removed|deleted|added) (?:[\w.-]+ ){0,3}again\b|set \w+ (?:\w+ )?back|switched back", r"roll\w* ?back|revert\w*|undo\w*|\bback\b|again|restor|re-?enabl"),
    "a pause": (r"paused|suspended|resumed|unpaused", r"paus\w*|suspend\w*|resum\w*|stopp|hold|stall|-> ?0|cordon|idle|halt"),
    "a restart": (r"(?:was|were|been|then|and|it|pods?|to) (?:\w+ )?restart(?:ed)?\b|rebooted|bounced", r"restart\w*|reboot\w*|boot|back-?off|crash\w*|killing|started|terminat\w*|exit\w*|recreat\w*|\b(?:liveness|oomkilled)\b|\bage\b|rollout|running for|new pod|uptime"),
    "a crash": (r"crash(?:ed|es|ing)?\b|segfault\w*|panicked", r"crash\w*|panic\w*|exit\w*|terminat\w*|fatal|back-?off|restart\w*|killed|sig\w+|oom\w*|abort\w*|core dump|down|137|139"),
    "a move": (r"moved to|migrated|rescheduled|relocated|switched over|swapped|exchanged", r"mov(?:ed|es|ing)|migrat\w*|resched\w*|preempt\w*|evict\w*|drain\w*|assigned|swap\w*|exchang\w*|switch\w*|failover|cutover|replac\w*|->|scheduled|assigned|rollout|recreat|switch"),
    "an expiry": (r"expired|ran out of validity|lapsed", r"expir\w*|notafter|not after|lapsed|valid\w*|ttl|until|notbefore"),
    "a leak or revocation": (r"revoked|(?:was|were|been|keys?|credentials?|secrets?) leaked|compromised|stolen", r"revo\w*|leak\w*|compromis\w*"),
    "an announcement": (r"announced|confirmed|promised|apologi[sz]ed|complained|approved|approval|agreed|informed|notified|reported by|warned by", r"announc\w*|confirm\w*|approv\w*|notif\w*|report\w*|ticket|mail|message|status page|comment|notes?\b|says|runbook|calendar|maintenance"),
    "a ticket": (r"opened (?:a|an|the) (?:\w+ )*(?:ticket|case|incident)|filed", r"ticket (?!:? ?none)|(?:INC|CHG|JIRA)-?\d+|case \d+|incident \d+"),
    "a test": (r"load.?test\w*|(?:was|were|been) test(?:ing|ed)|chaos (?:test|experiment)|benchmark\w*|fire drill|game day", r"test\w*|load.?gen\w*|k6|locust|chaos|experiment|benchmark\w*"),
    "a surge": (r"(?:traffic|load|demand) (?:surge|spike|peak|doubled|tripled)|botnet|flooded|scrap(?:ed|ing) by|crawl(?:er|ed)|flash sale|campaign", r"rps|req(?:uests)?/|requests|traffic|load|qps|/s\b|/min\b|newsletter|campaign|sale|botnet|crawl\w*"),
    "a vacuum": (r"vacuum\w*", r""),
    "a re-index": (r"re-?index\w*", r"index"),
    "a bulk job": (r"(?:large|big|huge|bulk|massive|heavy) (?:export|import|query|load|job|batch|upload|download)|back-?fill\w*", r"export\w*|import\w*|bulk|batch|back-?fill\w*|slow query|upload\w*|download\w*|\bjob\b"),
    "a compaction": (r"compact(?:ion|ed)", r""),
    "work by hand": (r"by hand|manually|logged in|ssh(?:ed)?\b|someone|somebody|by mistake|accidentally", r"manual\w*|by [a-z][\w.@-]+|kubectl|ssh|exec\b|user[= :]|operator|\bapplied by\b|\(\w\.\w+\)|\bactor\b|by\b"),
    "a loss of hardware": (r"lost (?:a|its|one|two) (?:disks?|nodes?|members?|racks?|machines?|links?)|disk (?:failed|died|broke)|hardware (?:fault|failure)|power (?:cut|loss|outage)|cable", r"\bi/o error|smart\b|degraded|xid|hardware|fallen off|power|ecc|mce|link down|disk fail\w*|member\w* (?:lost|removed)|notready|readonly|read-only"),
    "an election": (r"failed over|fail-?over|switched over|(?:new )?(?:primary|leader) was (?:elected|promoted)|promoted|election|lost leadership", r"fail\w* ?over|switch\w* ?over|\belect\w*|promot\w*|leader|primary changed|new primary"),
}  # fmt: skip
_COMPILED = {
    what: (re.compile(rf"\b(?:{said})", re.I), re.compile(f"{said}|{seen}" if seen else said, re.I))
    for what, (said, seen) in _ACTS.items()
}
# "(no change in the last hour)" shows no change.
_NOTHING = re.compile(r"\((?:no|none|nothing)\b[^)\n]*\)|\b(?:no|without) changes?\b", re.I)
# Who acts, apart from the names of accounts, which evidence spells.
_ACTORS = re.compile(
    r"\b(?:developers?|engineers?|analysts?|dba|admins?|administrators?|vendors?|providers?|contractors?|interns?|"
    r"attackers?|hackers?|botnet|crawlers?|auditors?|operators? on call|on-call (?:\w+)|colleagues?|management|"
    r"customers?|competitors?|security team|network team|platform team)\b(?= (?:has |have |had |then |also |first |"
    r"later |accidentally |manually )*(?:[a-z]+ed|began|ran|gave|took|made|sent|put|cut|shut|set|wrote|did)\b)",
    re.I,
)
_SAME = {
    "dba": r"\bdba\b|database",
    "provider": r"provider|cloud",
    "customer": r"customer|user|client",
}


_BY_CHANGES = frozenset({"a deletion", "an edit", "a rollout", "a move"})
"""Acts that a record of changes may tell in any words."""


def unrecorded(sentence: str, evidence: str, *, changes: bool = False) -> list[str]:
    """Return what a sentence tells as done and no `evidence` shows; `changes`: a record of changes is cited."""
    evidence = _NOTHING.sub(" ", evidence)
    found = [
        what
        for what, (said, seen) in _COMPILED.items()
        if said.search(sentence)
        and not seen.search(evidence)
        and not (changes and what in _BY_CHANGES)
    ]
    for actor in _ACTORS.findall(sentence):
        word = actor.casefold().rstrip("s")
        if not re.search(_SAME.get(word, re.escape(word)), evidence, re.I):
            found.append(f"any {word}")
    return found
