"""Past incidents, their recurrences and people's ratings, read from JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from copilot.model.errors import UsageError

Part = TypeVar("Part", bound=BaseModel)


def _in_utc(value: object) -> object:
    """Read a date without a zone as UTC."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value


class Incident(BaseModel):
    """One incident with its truth. `reporter` is a monitor or a customer."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str = Field(min_length=1)
    date: Annotated[datetime, BeforeValidator(_in_utc)]
    reporter: Literal["machine", "customer"]
    title: str = Field(min_length=1)
    summary: str = ""
    root_cause: str = Field(min_length=1)
    mitigation: str = Field(min_length=1)
    service: str = ""


class _Recurrence(BaseModel):
    id: str
    same_cause_as: list[str]


class Rating(BaseModel):
    """What a person thinks of a recommender's lines for one incident, 1 (useless) to 5."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    recommender: str
    target: Literal["root_cause", "mitigation"] = "root_cause"
    rating: int = Field(ge=1, le=5)


def read_incidents(path: Path) -> list[Incident]:
    """Return the incidents in the order of time. Raises `UsageError` with file and line."""
    found = list(_read(path, Incident))
    ids = [one.id for one in found]
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise UsageError(f"{path}: the id {twice} stands there twice", hint="give each its own")
    if not found:
        raise UsageError(f"{path}: no incidents", hint="see docs/recommendation.md")
    return sorted(found, key=lambda one: (one.date, one.id))


def read_recurrences(path: Path) -> dict[str, frozenset[str]]:
    """Return by id the earlier incidents with the same cause. Raises `UsageError`."""
    return {one.id: frozenset(one.same_cause_as) for one in _read(path, _Recurrence)}


def read_ratings(path: Path) -> list[Rating]:
    """Return people's ratings. Raises `UsageError`."""
    return list(_read(path, Rating))


def _read(path: Path, model: type[Part]) -> Iterator[Part]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise UsageError(
                f"{path}:{number}: {place}: {first['msg']}", hint="see docs/recommendation.md"
            ) from error
