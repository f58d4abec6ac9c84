"""The words of a program that decide, cut to fit a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.evidence.clues import one_line
from copilot.evidence.logscan import LogIssue
from copilot.evidence.signatures import classify
from copilot.tools.redact import redact

_LONGEST = 150
_AHEAD = re.compile(
    r"^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d| UTC)?\]?\s*|[IWEF]\d{4} [\d:.]+\s*|\d\d:\d\d:\d\d[.,\d]*\s+"
    r"|(?:time|ts|timestamp)=\S+\s+|(?:level|lvl)=\S+\s+|\[?(?:ERROR|ERR|FATAL|CRITICAL|SEVERE|WARN(?:ING)?)\]?[:\s]+)+",
    re.I,
)
_TRACE = re.compile(r"Traceback \(most recent call last\)")
_RAISED = re.compile(r"^[\w.]+(?:Error|Exception|Exit|Interrupt|Fault)\b")
_FOLLOWS = 60


def words(issue: LogIssue, longest: int = _LONGEST) -> str:
    """Return, in quotation marks and redacted, the line of an issue that says what is wrong."""
    return f"“{one_line(redact(_bare(_decisive(issue))), longest)}”"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names as a sentence has them: "a, b and c", "a, b, c and 4 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _decisive(issue: LogIssue) -> str:
    matching = [
        line for line in issue.lines if (s := classify(_bare(line))) and s.kind == issue.kind
    ]
    line = (matching or list(issue.lines) or [""])[-1]
    return _raised(issue) or line if _TRACE.search(line) else line


def _raised(issue: LogIssue) -> str:
    """Return the exception at the end of the last trace of a log: its first line names nothing."""
    texts = [line.text for line in issue.log.lines]
    starts = [number for number, text in enumerate(texts) if _TRACE.search(text)]
    after = texts[starts[-1] + 1 : starts[-1] + _FOLLOWS] if starts else []
    return next((text for text in after if _RAISED.match(text)), "")


def _bare(line: str) -> str:
    """Return a line without the times and levels that stand before what it says."""
    return _AHEAD.sub("", line.strip()).strip() or line.strip()
