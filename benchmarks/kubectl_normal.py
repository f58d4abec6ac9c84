"""Makes outputs of two clusters comparable: what must differ between any two clusters goes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import yaml

Order = Literal["", "sort", "once"]
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_VOLATILE = frozenset(
    (
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "containerID",
        "imageID",
        "selfLink",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
    )
)
_RULES: tuple[tuple[str, str], ...] = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\b(sha256|containerd)://?:?[0-9a-f]{64}", "HASH"),
    (r"(\S+@)?sha256:[0-9a-f]{64}", "HASH"),
    (r"(\S+@)HASH", "HASH"),
    (r'"[0-9a-f]{64}"', "HASH"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( \+0000)?( UTC)?", "TIME"),
    (r"/(LIVE|MERGED)-\d+/", r"/\1/"),
    (r"\b(10|172|192)(\.\d{1,3}){3}\b", "IP"),
    (rf"(token)-[{_SAFE}]{{5}}\b", r"\1-ID"),
    (rf"\b(web|second|orphan)-[{_SAFE}]{{6,10}}-[{_SAFE}]{{5}}\b", r"\1-RS-ID"),
    (rf"\b(web|second|orphan)-[{_SAFE}]{{6,10}}-?\b", r"\1-RS"),
    (rf"pod-template-hash(=|: |\":\"|\": \")[{_SAFE}]{{6,10}}", r"pod-template-hash\1RS"),
    (rf"controller-revision-hash(=|: |\": \")(db|agent)?-?[{_SAFE}]{{6,10}}", r"revision\1HASH"),
    (rf"\b(db|agent)-[{_SAFE}]{{8,10}}\b", r"\1-REV"),
    (rf"\b(agent|once|web|db|nightly|failing|overdue)-[{_SAFE}]{{5}}\b", r"\1-ID"),
    (r"\b(\d+[smhd]){1,2}( ago)?\b", "AGE"),
    (r"<invalid>|<unknown> +Normal", "AGE"),
    (r"\(x\d+ over AGE\)", ""),
    (r"\(combined from similar events\): ", ""),
    (r"(lookup registry-1\.docker\.io on ).*", r"\1WHY"),
    (r'(start exec )"[0-9a-f]+"', r"\1HASH"),
    (r"back-off AGE restarting", "back-off restarting"),
    (r"(Restart Count:) +\d+", r"\1 N"),
    (r"(\bcrash +0/1) +\S+ +\d+( \(AGE\))?", r"\1 CRASHING"),
    (r"token-\w{5}\b", "token-ID"),
    (r"https://127\.0\.0\.1:\d+|https://IP:\d+", "SERVER"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one cluster's outputs are freed of, as (text, placeholder)."""

    replacements: tuple[tuple[str, str], ...]


def normal(text: str, facts: Facts, *, order: Order, form: str) -> str:
    """Return the comparable form of an output; `form` is "yaml", "json" or "".

    With an `order` the lines may come in any; "once": what is said several times counts once.
    """
    if form and text.strip():
        try:
            loaded = json.loads(text) if form == "json" else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError):
            loaded = None
        if isinstance(loaded, dict):
            text = json.dumps(_stable(loaded), indent=1, sort_keys=True)
    for found, placeholder in facts.replacements:
        text = text.replace(found, placeholder)
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text)
    lines = [re.sub(r"[ \t]{2,}|\t", "  ", line).rstrip() for line in text.splitlines()]
    lines = _events(lines)
    if order == "once":
        lines = list(dict.fromkeys(lines))
    if order:
        lines = lines[:1] + sorted(lines[1:]) if lines[:1] and "NAME" in lines[0] else sorted(lines)
    return "\n".join(lines)


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: _stable(v) for k, v in value.items() if k not in _VOLATILE}
        for name in ("kubectl.kubernetes.io/last-applied-configuration",):
            if isinstance(kept.get(name), str):
                kept[name] = json.dumps(_stable(json.loads(kept[name])), sort_keys=True)
        for field in ("conditions",):
            if isinstance(kept.get(field), list):
                kept[field] = sorted(kept[field], key=lambda c: str(c.get("type")))
        return kept
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value


def _events(lines: list[str]) -> list[str]:
    """Sort the events at the end of a description: how many there are depends on the time."""
    start = next((i for i, line in enumerate(lines) if line.startswith("Events:")), None)
    if start is None or lines[start].strip() != "Events:":
        return lines
    return [*lines[: start + 3], *sorted(set(lines[start + 3 :]))]
