"""What a bundle can answer for, and the words for what it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp
from eval.recording.schema import ManifestPart

NAMESPACE_LABELS = ("namespace", "exported_namespace", "k8s_namespace_name", "service_namespace")
_PLAIN = re.compile(r"[a-z0-9-]+(?:\|[a-z0-9-]+)*")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The scope of a recording; no `namespaces` means the whole cluster."""

    manifest: ManifestPart

    def namespace(self, name: str) -> str:
        """Return "" when the objects of a namespace are in the bundle, else why not."""
        spaces = self.manifest.namespaces
        if not spaces or name in spaces:
            return ""
        which = f"namespace {name}" if name else "all namespaces"
        return not_recorded(f"{which} (recorded: {', '.join(spaces)})")

    def labels(self, matchers: Sequence[Matcher]) -> str:
        """Return "" when matchers ask for a recorded namespace or for none, else why not."""
        spaces = self.manifest.namespaces
        if not spaces:
            return ""
        for matcher in matchers:
            if matcher.name in NAMESPACE_LABELS:
                asked = _outside(matcher, spaces)
                if asked:
                    return self.namespace(asked)
        return ""


def not_recorded(what: str) -> str:
    """Return the one phrase by which clients know that an answer is missing, and not empty."""
    return f"not recorded: {what}"


def _outside(matcher: Matcher, spaces: Iterable[str]) -> str:
    """Return what is asked for outside of `spaces`, "" for nothing."""
    if matcher.op is MatchOp.EQUAL and matcher.value:
        return "" if matcher.value in spaces else matcher.value
    if matcher.op is MatchOp.REGEX:
        if _PLAIN.fullmatch(matcher.value):
            return next((name for name in matcher.value.split("|") if name not in spaces), "")
        if not matcher.matches("") and not any(map(matcher.matches, spaces)):
            return matcher.value
    return ""
