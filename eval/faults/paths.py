"""Differences between two versions of an object, as paths through its fields.

A list whose items are told apart by a key ("name" of a container) is walked by that key, so that a
path holds whatever else happens to the list; other lists are one value.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from connectors.api.values import Json

_KEYS = ("name", "mountPath", "containerPort", "key")


class _Absent(Enum):
    """One value, which stays itself when it is copied."""

    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""The value of a field that is not there."""


@dataclass(frozen=True, slots=True)
class Item:
    """The item of a list whose `key` has `value`."""

    key: str
    value: Any


Path = tuple[str | Item, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that has one value in a good version and another in a bad one."""

    path: Path
    good: Any
    bad: Any


def differences(good: Any, bad: Any, path: Path = ()) -> list[Difference]:
    """Return the fields in which two versions differ, as deep as possible."""
    if isinstance(good, dict) and isinstance(bad, dict):
        found: list[Difference] = []
        for key in {**good, **bad}:
            found += differences(good.get(key, ABSENT), bad.get(key, ABSENT), (*path, key))
        return found
    if isinstance(good, list) and isinstance(bad, list):
        key = _common_key(good, bad)
        if key:
            old, new = ({item[key]: item for item in items} for items in (good, bad))
            return [
                difference
                for value in {**old, **new}
                for difference in differences(
                    old.get(value, ABSENT), new.get(value, ABSENT), (*path, Item(key, value))
                )
            ]
    return [] if _same(good, bad) else [Difference(path, good, bad)]


def value_at(obj: Any, path: Path) -> Any:
    """Return the value at a path, `ABSENT` when there is none."""
    for step in path:
        if isinstance(step, Item):
            items = obj if isinstance(obj, list) else []
            obj = next((i for i in items if i.get(step.key) == step.value), ABSENT)
        else:
            obj = obj.get(step, ABSENT) if isinstance(obj, dict) else ABSENT
    return obj


def put(obj: Any, path: Path, value: Any) -> None:
    """Set the value at a path, or remove it for `ABSENT`. Makes the dictionaries on the way."""
    for step, after in itertools.pairwise(path):
        child = value_at(obj, (step,))
        if child is ABSENT:
            if value is ABSENT:
                return
            child = [] if isinstance(after, Item) else {}
            _set(obj, step, child)
        obj = child
    _set(obj, path[-1], value)


def covers(live: Any, wanted: Any) -> bool:
    """Whether `live` is `wanted`, apart from what an API server adds to dictionaries."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(covers(live.get(key, ABSENT), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(live) == len(wanted) and all(map(covers, live, wanted))
    return _same(live, wanted)


def json_patch(old: Any, new: Any, at: str = "") -> list[Json]:
    """Return the JSON patch that makes one object of another, field by field."""
    if isinstance(old, dict) and isinstance(new, dict):
        patch: list[Json] = []
        for key in {**old, **new}:
            here = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in new:
                patch.append({"op": "remove", "path": here})
            elif key not in old:
                patch.append({"op": "add", "path": here, "value": new[key]})
            else:
                patch += json_patch(old[key], new[key], here)
        return patch
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [step for i, (a, b) in pairs for step in json_patch(a, b, f"{at}/{i}")]
    return [] if _same(old, new) else [{"op": "replace", "path": at, "value": new}]


def _set(obj: Any, step: str | Item, value: Any) -> None:
    if isinstance(step, str):
        if value is ABSENT:
            obj.pop(step, None)
        else:
            obj[step] = value
        return
    index = next((i for i, item in enumerate(obj) if item.get(step.key) == step.value), None)
    if value is ABSENT:
        if index is not None:
            del obj[index]
    elif index is None:
        obj.append(value if value else {step.key: step.value})
    else:
        obj[index] = value


def _common_key(*lists: Sequence[Any]) -> str:
    for key in _KEYS:
        if all(
            isinstance(item, dict) and isinstance(item.get(key), (str, int))
            for items in lists
            for item in items
        ) and all(len({item[key] for item in items}) == len(items) for items in lists):
            return key
    return ""


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
