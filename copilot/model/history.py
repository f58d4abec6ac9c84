"""What earlier looks at a cluster found: versions of its objects, to compare with and to restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from copilot.model.scope import ObjectRef, Scope


@dataclass(frozen=True, slots=True)
class Seen:
    """One version of an object.

    `manifest` is what a person would write of it; with `whole` false, values that look like secrets
    are masked in it, so it can be compared but not written back. `fingerprint` tells versions apart.
    It was there from `first` to `last`, as far as anybody looked; `well` is when a look that found
    everything healthy last saw it, None if none did.
    """

    object: ObjectRef
    manifest: Mapping[str, Any]
    fingerprint: str
    first: datetime
    last: datetime
    well: datetime | None = None
    whole: bool = True


class ObjectHistory(Protocol):
    """Remembers objects from look to look."""

    async def note(
        self, scope: Scope, objects: Sequence[Mapping[str, Any]], at: datetime, *, well: bool
    ) -> None:
        """Remember what was there; `well` when nothing was wrong with it."""
        ...

    async def seen(self, scope: Scope) -> Sequence[Seen]:
        """Return the remembered versions of the scope's objects, newest first."""
        ...
