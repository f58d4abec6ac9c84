"""What earlier looks found against what is there now: objects that changed since all was well, or are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from connectors.api.values import Json
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef
from copilot.tools.manifests import diff, fingerprint, manifest
from copilot.tools.redact import redact_object


class Past:
    """The remembered versions of a scope's objects beside their present state.

    `get` returns an object as it is now, None where there is none; `listed` says whether a kind was read
    in full, so that an absence means something.
    """

    def __init__(
        self,
        seen: Iterable[Seen],
        get: Callable[[ObjectRef], Json | None],
        listed: Callable[[str], bool],
    ) -> None:
        self._get, self._listed = get, listed
        self._versions: dict[ObjectRef, list[Seen]] = defaultdict(list)
        for one in sorted(seen, key=lambda one: one.last, reverse=True):
            self._versions[one.object].append(one)
        self._before: dict[ObjectRef, Seen | None] = {}
        every = [one for own in self._versions.values() for one in own]
        self._well = max((one.well for one in every if one.well), default=None)

    def before(self, ref: ObjectRef) -> Seen | None:
        """Return the version to compare with: the last one that was well, else the one before.

        None where nothing else was ever seen, or where the object was well as it is now.
        """
        if ref not in self._before:
            self._before[ref] = self._compared(ref)
        return self._before[ref]

    def _compared(self, ref: ObjectRef) -> Seen | None:
        versions = self._versions.get(ref, [])
        written = manifest(found) if (found := self._get(ref)) else None
        now = fingerprint(written) if written else ""
        good = max((v for v in versions if v.well), key=_wellness, default=None)
        if good is not None:
            return None if good.fingerprint == now else good
        return next((v for v in versions if v.fingerprint != now), None)

    def changed(self) -> list[Seen]:
        """Return, of each object that is there but not as before, the version before."""
        found = (self.before(ref) for ref in self._versions if self._get(ref) is not None)
        return [one for one in found if one is not None]

    def differences(self, before: Seen) -> list[str]:
        """Return "path: before -> now" for each field of an object that is not as in that version."""
        found = self._get(before.object)
        written = manifest(found) if found else None
        if written is None:
            return []
        # A version whose secrets were masked is compared with the present one masked alike.
        now = written if before.whole else redact_object(written)
        return [
            f"{path}: {old or '(none)'} -> {new or '(none)'}"
            for path, old, new in diff(dict(before.manifest), now)
            if path != "spec/replicas"
        ]

    def gone(self) -> list[Seen]:
        """Return the last version of what no longer is there, and was not missed by a healthy look since."""
        return [
            self.before(ref) or versions[0]
            for ref, versions in self._versions.items()
            if self._listed(ref.kind)
            and self._get(ref) is None
            and (self._well is None or versions[0].last >= self._well)
        ]


def since(before: Seen, now: datetime) -> str:
    """Write when a version was last seen, with its day where that was another one."""
    at = before.well or before.last
    day = "" if at.date() == now.date() else f" on {at:%Y-%m-%d}"
    return f"at {at:%H:%M:%S} UTC{day}" + (", when all was well" if before.well else "")


def _wellness(one: Seen) -> float:
    return one.well.timestamp() if one.well else 0.0
