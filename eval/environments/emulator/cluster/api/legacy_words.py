"""1.20's words for what events and statuses say otherwise in the present version."""

from __future__ import annotations

import re
from collections.abc import Callable

Rewrite = str | Callable[[re.Match[str]], str]

METRIC_VALUE = re.compile(r"failed to get \w+ resource metric value: ")
_AVAILABLE = re.compile(r"^(0/\d+ nodes are available: )(.*)\.$")
_AFFINITY = re.compile(
    r"^(\d+) node\(s\) (?:didn't match pod (?:anti-)?affinity rules"
    r"|didn't satisfy existing pods anti-affinity rules)$"
)
_WHOLE_POD = re.compile(
    r"^0/(\d+) nodes are available: (persistentvolumeclaim \"|pod has unbound immediate)"
)


def _with_affinity(match: re.Match[str]) -> str:
    """1.20 gave a second reason, common to all refusals for affinity to other pods."""
    reasons = match[2].split(", ")
    count = sum(int(found[1]) for found in map(_AFFINITY.match, reasons) if found)
    if not count:
        return match[0]
    reasons.append(f"{count} node(s) didn't match pod affinity/anti-affinity")
    return f"{match[1]}{', '.join(sorted(reasons))}."


_CHANGES: tuple[tuple[re.Pattern[str], Rewrite], ...] = (
    (re.compile(r"^(Created|Started) container: (.*)$"), r"\1 container \2"),
    (re.compile(r"^(Scaled (?:up|down) replica set \S+) from \d+ to (\d+)$"), r"\1 to \2"),
    (re.compile(r"^(Back-off restarting failed container) .*$"), r"\1"),
    (re.compile(r'^(Back-off pulling image "[^"]*"): .*$', re.S), r"\1"),
    (re.compile(r" preemption: .*$"), ""),
    (re.compile(r"node affinity/selector"), "node affinity"),
    (
        re.compile(r"node\(s\) had untolerated taint (\{[^}]*\})"),
        r"node(s) had taint \1, that the pod didn't tolerate",
    ),
    (_WHOLE_POD, r"0/\1 nodes are available: \1 \2"),
    (_AVAILABLE, _with_affinity),
    (re.compile(r"error during container init: (exec: )"), r"\1"),
    (re.compile(r"(probe errored) and resulted in \w+ state"), r"\1"),
    (METRIC_VALUE, ""),
)


def in_1_20(text: str) -> str:
    """Return the message of an event, a condition or a container's state in 1.20's words."""
    for pattern, old in _CHANGES:
        text = pattern.sub(old, text)
    return text
