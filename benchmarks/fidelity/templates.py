"""Log lines without what differs from run to run: times, numbers, addresses, names of pods."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STAMP = re.compile(
    r"\d{4}[-/]\w{2,3}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?"
    r"|\w{3} \w{3} +\d+ \d{2}:\d{2}:\d{2} \d{4}|\d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2}(?:\.\d+)?"
)
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_POD = re.compile(r"\b((?:[a-z][a-z0-9]*-)*[a-z][a-z0-9]*)-[a-z0-9]{6,10}-[a-z0-9]{5}\b")
_HEX = re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b")
_NUMBER = re.compile(r"\d+")
_LENGTH = 200
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes hashes and random names of."""


def template(line: str, namespace: str) -> str:
    """Return what stays the same of a log line in every run."""
    text = _COLOUR.sub("", line).replace(namespace, "NAMESPACE")
    for pattern, instead in (
        (_STAMP, "TIME"), (_UUID, "UUID"), (_ADDRESS, "ADDRESS"), (_POD, r"\1-POD"),
        (_HEX, "HEX"), (_NUMBER, "#"),
    ):  # fmt: skip
        text = pattern.sub(instead, text)
    return " ".join(text.split())[:_LENGTH]


def base_name(pod: str) -> str:
    """The workload's name in the name of a pod or replica set."""
    match = re.fullmatch(rf"(.+?)-{_SAFE}{{5,10}}-{_SAFE}{{5}}", pod)
    if match:
        return match[1]
    return re.sub(rf"-{_SAFE}{{5,10}}$|-\d+$", "", pod)
