"""What was written lately: ConfigMaps edited while the app ran, and feature flags that they switch on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.edits import edited
from copilot.evidence.kube import brief, containers, dig, is_true, ref_of
from copilot.model.scope import ObjectRef

_OFF = frozenset({"off", "false", "none", "disabled", "0", "no", "default"})


def config_maps(case: Case) -> Iterator[Clue]:
    """Report ConfigMaps that were edited within the period and that a workload uses."""
    for config in case.snapshot.of("ConfigMap"):
        ref, changed = ref_of(config), case.changed_at(ref_of(config))
        users = [ref_of(w) for w in case.snapshot.workloads if uses(case, ref_of(w), ref)]
        if changed is None or not users:
            continue
        flags = {
            name: found
            for name, text in (dig(config, "data", {}) or {}).items()
            if (found := switched_on(str(text)))
        }
        if flags:
            yield _flagged(case, config, users, flags)
            continue
        told = edited(case, config)
        what = f"it was edited at {brief(changed)}" + (f" ({told})" if told else "")
        down = [u for u in users if any(not is_true(p, "Ready") for p in case.snapshot.pods(u))]
        shared = 0 < len(down) < len(users)  # the others live with the same edit
        for user in down if shared else users:
            why = f"{what}, and {user.name} uses it"
            yield case.clue(
                "config.edited",
                ref,
                f"ConfigMap {ref.name}: {why}",
                [case.ledger.value(config, "data")],
                weight=0.0,
                onset=changed,
                claims=[
                    Claim(ref, "config.value_wrong", 0.06 if shared else 0.22, why, also=(user,))
                ],
                place=user,
            )


def _flagged(
    case: Case, config: Json, users: list[ObjectRef], flags: Mapping[str, list[str]]
) -> Clue:
    ref = ref_of(config)
    changed = case.changed_at(ref)
    names = [name for found in flags.values() for name in found]
    why = f"it was edited at {brief(changed)} and switches on {', '.join(names[:4])}"
    facts: dict[str, Fact] = {}
    if len(names) == 1:
        file = next(iter(flags))
        text = switched_off(str(dig(config, "data", {})[file]), names[0])
        if text:
            facts = {"file": file, "flag": names[0], "text": text}
            if only_at_start(case, users[0], ref):
                facts["restarts"] = f"{users[0].kind}/{users[0].name}"
    return case.clue(
        "config.flag_on",
        ref,
        f"ConfigMap {ref.name}: {why}",
        [case.ledger.value(config, "data")],
        weight=0.0,
        onset=changed,
        claims=[Claim(ref, "config.feature_flag", 0.75, why, facts=facts)],
        place=users[0],
    )


def uses(case: Case, workload: ObjectRef, config: ObjectRef) -> bool:
    """Whether a workload mounts a ConfigMap or takes variables from it."""
    spec = case.snapshot.spec(workload)
    if workload.namespace != config.namespace:
        return False
    if any(
        dig(volume, "configMap.name") == config.name
        or any(
            dig(s, "configMap.name") == config.name
            for s in dig(volume, "projected.sources", []) or []
        )
        for volume in spec.get("volumes") or []
    ):
        return True
    return any(
        dig(source, "configMapRef.name") == config.name
        for container in containers(spec)
        for source in container.get("envFrom") or []
    ) or any(
        dig(item, "valueFrom.configMapKeyRef.name") == config.name
        for container in containers(spec)
        for item in container.get("env") or []
    )


def only_at_start(case: Case, workload: ObjectRef, config: ObjectRef) -> bool:
    """Whether a running workload does not see a change: variables, single files, init containers."""
    spec = case.snapshot.spec(workload)
    volumes = {
        v.get("name") for v in spec.get("volumes") or [] if dig(v, "configMap.name") == config.name
    }
    live = any(
        mount.get("name") in volumes and not mount.get("subPath")
        for container in containers(spec)
        for mount in container.get("volumeMounts") or []
    )
    return not live


def switched_on(text: str) -> list[str]:
    """Return the flags that an OpenFeature flag file serves in another variant than "off"."""
    return [name for name, flag in _flags(text).items() if _is_on(flag)]


def switched_off(text: str, flag: str) -> str:
    """Return a flag file with one flag off; "" where it has no such variant."""
    found = _flags(text)
    off = next((v for v in found.get(flag, {}).get("variants", {}) if v.lower() in _OFF), None)
    if off is None:
        return ""
    body = json.loads(text)
    before = body["flags"][flag]["defaultVariant"]
    # The text as people wrote it, where the one value can be found in it.
    start = text.find(f'"{flag}"')
    at = text.find('"defaultVariant"', start)
    quoted = text.find(f'"{before}"', at + len('"defaultVariant"'))
    if start >= 0 and at >= 0 and 0 <= quoted - at < 40:
        return text[:quoted] + f'"{off}"' + text[quoted + len(before) + 2 :]
    body["flags"][flag]["defaultVariant"] = off
    return json.dumps(body, indent=2)


def _flags(text: str) -> Mapping[str, Any]:
    if '"flags"' not in text or '"defaultVariant"' not in text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    flags = found.get("flags") if isinstance(found, dict) else None
    return flags if isinstance(flags, dict) else {}


def _is_on(flag: Any) -> bool:
    if not isinstance(flag, dict) or flag.get("state") == "DISABLED":
        return False
    variant = str(flag.get("defaultVariant", ""))
    value = (flag.get("variants") or {}).get(variant)
    return variant.lower() not in _OFF and value not in (False, 0, None, "")
