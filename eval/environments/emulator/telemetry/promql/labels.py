"""`label_replace`, `label_join`, and the labels that `absent` makes up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp, compile_re2
from eval.environments.emulator.telemetry.promql.errors import ExecutionFailed
from eval.environments.emulator.telemetry.promql.values import Vector, labels_of, merged
from eval.environments.emulator.telemetry.series import NAME, Labels

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def valid_label(name: str) -> bool:
    """Whether this may be the name of a label."""
    return _LABEL.match(name) is not None


def label_replace(
    vector: Vector, target: str, replacement: str, source: str, pattern: str
) -> Vector:
    """Set `target` from the expanded `replacement` where `source` matches the whole `pattern`."""
    try:
        regex = compile_re2(pattern)
    except ValueError as error:
        raise ExecutionFailed(
            f'invalid regular expression in label_replace(): "{pattern}": {error}'
        ) from error
    if not valid_label(target):
        raise ExecutionFailed(f"invalid destination label name in label_replace(): {target}")
    changed = []
    for labels in vector.labels:
        mapping = dict(labels)
        match = regex.fullmatch(mapping.get(source, ""))
        if match is not None:
            mapping[target] = _expand(replacement, match)
        changed.append(labels_of(mapping))
    return merged(Vector(changed, vector.values, vector.present))


def _expand(template: str, match: re.Match[str]) -> str:
    """Expand $1, ${1}, $name and $$ as Go does: unknown groups are empty."""
    known = match.re.groupindex

    def group(reference: re.Match[str]) -> str:
        if reference.group(1):
            return "$"
        name = reference.group(2) or reference.group(3)
        if name.isdigit():
            number = int(name)
            return (match.group(number) or "") if number <= match.re.groups else ""
        return (match.group(name) or "") if name in known else ""

    return _REFERENCE.sub(group, template)


def label_join(vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    """Set `target` to the values of `sources`, joined."""
    if not valid_label(target):
        raise ExecutionFailed(f"invalid destination label name in label_join(): {target}")
    for source in sources:
        if not valid_label(source):
            raise ExecutionFailed(f"invalid source label name in label_join(): {source}")
    changed = []
    for labels in vector.labels:
        mapping = dict(labels)
        mapping[target] = separator.join(mapping.get(source, "") for source in sources)
        changed.append(labels_of(mapping))
    return merged(Vector(changed, vector.values, vector.present))


def absent_labels(matchers: Sequence[Matcher]) -> Labels:
    """Return the labels that a selector pins down, which `absent` gives to its result."""
    pinned: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            pinned[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            pinned.pop(matcher.name, None)
    return labels_of(pinned)
