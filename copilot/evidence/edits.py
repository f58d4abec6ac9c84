"""What an edit of a ConfigMap changed, as far as anything still tells: which keys, and their values before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.clues import one_line
from copilot.evidence.kube import dig, edit_time, parse_time, ref_of
from copilot.tools.manifests import diff
from copilot.tools.redact import redact

_VALUE = 48
_MOST = 3


def edited(case: Case, config: Json) -> str:
    """Return the keys that the last edit of a ConfigMap wrote, with their change where it is known.

    An earlier look knows the values before, and so does what was last applied; else the server's record of
    field managers names the keys that the last writer set. "" where nothing tells.
    """
    now = _data(config)
    past = case.past.before(ref_of(config))
    for before in (past.manifest if past is not None and past.whole else None, declared(config)):
        lines = list(_differences(_data(before or {}), now)) if before is not None else []
        if lines:
            more = f" and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
            return "; ".join(lines[:_MOST]) + more
    keys = written(config)
    if not keys or len(keys) == len(now) > 1:
        return ""
    return ("key " if len(keys) == 1 else "keys ") + ", ".join(keys[:_MOST])


def written(config: Json) -> list[str]:
    """Return the keys that the last writer of an object's data owns, which are those that it wrote."""
    last = edit_time(config, ("f:data",))
    found = [
        str(name).removeprefix("f:")
        for entry in dig(config, "metadata.managedFields", []) or []
        if last is not None and parse_time(entry.get("time")) == last
        for name in (entry.get("fieldsV1") or {}).get("f:data") or {}
        if str(name).startswith("f:")
    ]
    present = _data(config)
    return sorted(k for k in dict.fromkeys(found) if k in present)


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        parts = list(_parts(old, new))
        for path, was, is_ in parts or [("", old or "", new or "")]:
            place = f"{key}: {path}" if path else key
            yield f"{place}: {_shown(place, was)} -> {_shown(place, is_)}"


def _parts(old: str | None, new: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield what differs inside of two files, by path where both are JSON, else by line."""
    try:
        before, after = json.loads(old or ""), json.loads(new or "")
    except ValueError:
        before = after = None
    if isinstance(before, dict) and isinstance(after, dict):
        yield from diff(before, after)
    elif old and new and ("\n" in old or "\n" in new):
        was, now = old.splitlines(), new.splitlines()
        lost = [line for line in was if line not in now]
        come = [line for line in now if line not in was]
        yield "", " ".join(lost), " ".join(come)


def _shown(place: str, value: Any) -> str:
    if not value:
        return "(none)"
    # With its name before it, since that is by which a secret is known.
    told = redact(f"{place}={value}")
    text = str(value) if told == f"{place}={value}" else "(hidden)"
    return one_line(text, _VALUE)


def _data(config: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in (dig(dict(config), "data", {}) or {}).items()}
