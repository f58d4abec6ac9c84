"""Does a sentence call broken what its evidence shows to be well, or the other way round?"""

from __future__ import annotations

import re

_WELL = re.compile(
    r"\b(?:is|are|was|were|looks?|seems?|remains?|stays?|itself|still)\s+(?:\w+ly\s+|all\s+|up and\s+)?"
    r"(?:healthy|fine|ready|well|running|ok|available|up)\b|\bno (?:errors?|problems?|restarts?)\b",
    re.I,
)
_ENDED = re.compile(
    r"\b(?:was|were|been|being|has|have|got|itself|and|then)\s+(?:\w+ly\s+)?(?:oom-?killed|killed|restarted|evicted|crashed)\b|\bcrashed\b|\boom-?killed\b",
    re.I,
)
_FAILED = re.compile(
    r"\b(?:job|run|rollout|sync|backup|migration|upgrade|build|task)\w*\s+(?:\w+ly\s+)?(?:failed|aborted|crashed)\b",
    re.I,
)
# The columns READY, STATUS and RESTARTS of a pod that has never been stopped.
_UNTOUCHED = re.compile(r"\b([1-9]\d*)/\1\s+Running\s+0\b")
_FINISHED = re.compile(r"\b(?:Complete|Completed|Succeeded|succeeded|finished successfully)\b")
_ILL = re.compile(
    r"\b(?:is|are|was|were|has been|have been)\s+(?:\w+ly\s+)?(?:down(?! to)|dead|broken|unhealthy|unavailable|crashing)\b"
    r"|\bcrash(?:es|ed)?\b|\bnot ready\b|\bcrash.?loop\w*|\bhas (?:failed|died|crashed)\b|\blost a (?:member|replica|pod)\b",
    re.I,
)
_NEGATED = re.compile(
    r"\b(?:not|no|none|never|neither|without|although|but|yet|despite|nor)\b", re.I
)
_SHOWN_WELL = re.compile(
    r"\b([1-9]\d*)/\1 (?:ready|available|running|healthy)\b|Ready=True|\bhealthy\b|\brestarts[ =:]+0\b"
    r"|currentHealthy=(\d+) desiredHealthy=\2\b",
    re.I,
)
_SHOWN_ILL = re.compile(
    r"\b0/[1-9]\d*\b|CrashLoop|BackOff|NotReady|OOMKilled|Evicted|Unhealthy|Failed[A-Z]?|\bpending\b|\bnot ready\b|"
    r"ErrImage|ready[ =:]+0\b|Ready=False|\b(?:refused|error|fatal|panic|timeout|timed out|down|exceeded|no space)\b",
    re.I,
)


def contrary(sentence: str, quoted: str) -> str:
    """Return what a sentence says of a condition that what it quotes contradicts, "" when it says no such thing."""
    if not quoted:
        return ""
    well, ill = _SHOWN_WELL.search(quoted), _SHOWN_ILL.search(_SHOWN_WELL.sub(" ", quoted))
    negated = _NEGATED.search(sentence)
    ended = _ENDED.search(sentence)
    if (
        ended
        and not ill
        and _UNTOUCHED.search(quoted)
        and not _NEGATED.search(sentence[: ended.start()])
    ):
        return ended[0]
    failed = _FAILED.search(sentence)
    if failed and _FINISHED.search(quoted) and not re.search(r"fail|error|abort", quoted, re.I):
        return failed[0]
    said_well, said_ill = _WELL.search(sentence), _ILL.search(sentence)
    if (
        said_ill
        and not said_well
        and not (negated and negated[0].lower() != "not")
        and well
        and not ill
    ):
        return said_ill[0]
    if said_well and not said_ill and not negated and ill and not well:
        return said_well[0]
    return ""
