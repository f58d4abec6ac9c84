"""A program that ends over what a mounted ConfigMap holds: its last words name the file."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

import yaml

from connectors.api.values import Json
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import brief, dig, pod_spec, ref_of
from copilot.evidence.mounts import mounts

_TAIL = 15
_COMPLAINS = re.compile(
    r"\b(fail\w*|error|fatal|cannot|can't|could not|unable|invalid|unexpected|malformed|syntax|pars\w+|"
    r"unknown|illegal|bad|unrecogni[sz]ed|decod\w+|unmarshal\w*|expect\w+|duplicate|emerg)\b",
    re.I,
)
_MISSING = re.compile(r"no such file|not found|does not exist|ENOENT|FileNotFound", re.I)


def claims(subject: Subject) -> tuple[list[Claim], list[str]]:
    """Return the ConfigMaps whose files a container's last words complain of, and the evidence."""
    case, log = subject.case, subject.last_log()
    if log is None:
        return [], []
    lines = [line.raw for line in log.lines[-_TAIL:]]
    found: list[Claim] = []
    evidence: list[str] = []
    for config, key, path in mounted(subject):
        said = [line for line in lines if path in line and _COMPLAINS.search(line)]
        if not said or any(_MISSING.search(line) for line in said):
            continue
        ref = ref_of(config)
        changed = case.changed_at(ref)
        flaw = unreadable(key, str(dig(config, "data", {})[key]))
        why = f"{subject.label} ends over {path}, which is key {key} of ConfigMap {ref.name}"
        why += f"; {flaw}" if flaw else ""
        why += f"; it was edited at {brief(changed)}" if changed else ""
        facts: dict[str, Fact] = {"container": subject.container, "key": key}
        strength = 0.95 if flaw or changed else 0.75
        found.append(Claim(ref, "config.value_wrong", strength, why, (subject.workload,), facts))
        about = (ref_of(subject.pod), subject.workload)
        evidence.append(case.ledger.lines(log.query, said[-3:], about))
        evidence.append(case.ledger.value(config, "data"))
    return found, evidence


def mounted(subject: Subject) -> Iterator[tuple[Json, str, str]]:
    """Yield the ConfigMap, the key and the path of each file that ConfigMaps put into a container."""
    for mount in mounts(subject.workload.namespace, pod_spec(subject.pod), subject.container):
        config = subject.case.snapshot.get(mount.holder)
        if config is not None and mount.holder.kind == "ConfigMap":
            for key, path in mount.files(config):
                yield config, key, path


def unreadable(key: str, text: str) -> str:
    """Return what is wrong with a file by the format of its name; "" when nothing is."""
    try:
        if key.endswith(".json"):
            json.loads(text)
        elif key.endswith((".yaml", ".yml")):
            list(yaml.safe_load_all(text))
        elif key.endswith(".toml"):
            tomllib.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        return f"it is not valid {key.rpartition('.')[2].upper()}: {' '.join(str(error).split())[:160]}"
    return ""
