"""What an injection adds, beyond the fault itself, does not give it away."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from connectors.api.values import Json
from eval.apps.loader import load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.case import Case
from eval.faults.changes import Edit
from eval.faults.paths import Item, differences
from eval.faults.registry import FAULTS, targets
from tests.eval.faults.own_fields import touched
from tests.eval.faults.rounds import Round, stays_broken, whole_way

APP = "hotel_reservation"
SOME = ("quota_pods", "init_waits_for_ever", "network_policy_ingress", "claim_too_large")
WORDS = (
    "fault", "inject", "chaos", "eval", "emulat", "misconfig", "simulat", "noise", "copilot",
    "benchmark", "aiops", "sregym", "broken", "sabotage", "wrong",
)  # fmt: skip
OWNED = {"Pod", "ReplicaSet", "Event", "Endpoints", "EndpointSlice"}
MANAGERS = {"kubectl", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver"}
SERVERS = {
    ("metadata", "generation"), ("metadata", "resourceVersion"), ("metadata", "managedFields"),
    ("metadata", "uid"), ("metadata", "creationTimestamp"),
    ("metadata", "annotations", "deployment.kubernetes.io/revision"), ("status",),
    # the system's own way of handing on what is placed where
    ("spec", "claimRef"), ("spec", "volumeName"), ("metadata", "annotations"),
    ("metadata", "finalizers"), ("metadata", "deletionTimestamp"),
    ("metadata", "deletionGracePeriodSeconds"),
}  # fmt: skip


async def _rounds(kinds: Iterable[str]) -> list[Round]:
    app = load_app(APP)
    environment: Emulator | None = None
    done: list[Round] = []
    try:
        for kind in kinds:
            for target in targets(kind, app)[:1]:
                if environment is None:
                    environment = await Emulator.start(app, warmup_seconds=120)
                done.append(await whole_way(environment, kind, target, record=True))
                if stays_broken(done[-1]):
                    await environment.close()
                    environment = None
    finally:
        if environment is not None:
            await environment.close()
    return done


def _leaks(done: Round) -> list[str]:
    """Changes that are not the fault's own, managers that tell, and telling words."""
    case = Case(load_app(done.app), done.target)
    changes = FAULTS[done.kind].changes(case)
    mine = {key for change in changes for key in touched(change, done.before)}
    found: list[str] = []
    for key in {**done.before, **done.during}:
        old, new = done.before.get(key), done.during.get(key)
        if key[0] in OWNED:
            continue
        if key not in mine and (old is None) != (new is None):
            found.append(f"{done.kind}: {key} came or went")
        if old is not None and new is not None:
            edits = [c for c in changes if isinstance(c, Edit) and (c.kind, c.name) == key]
            found += [
                f"{done.kind}: {key} {path}" for path in _strange(old, new, edits, key in mine)
            ]
    for key, item in done.during.items():
        for entry in item["metadata"].get("managedFields") or ():
            if entry.get("manager") not in MANAGERS:
                found.append(f"{done.kind}: {key} was changed by {entry.get('manager')}")
    return found + _words(done)


def _strange(old: Json, new: Json, edits: list[Edit], mine: bool) -> list[tuple[str | Item, ...]]:
    """The changed fields of an object that no change of the fault is about."""
    own: set[tuple[str | Item, ...]] = set()
    for edit in edits:
        broken = json.loads(json.dumps(old))
        edit.breaks(broken)
        own |= {difference.path for difference in differences(old, broken)}
    strange = []
    for difference in differences(old, new):
        path = difference.path
        if any(path[: len(known)] == known for known in SERVERS):
            continue
        if any(path[: len(known)] == known or known[: len(path)] == path for known in own):
            continue
        if mine and not edits:
            continue
        strange.append(path)
    return strange


def _words(done: Round) -> list[str]:
    """Words that were nowhere before and tell what was done."""
    before = json.dumps(list(done.before.values())).lower()
    during = json.dumps(list(done.during.values())).lower()
    names = set(FAULTS) | {kind.replace("_", "-") for kind in FAULTS}
    return [
        f"{done.kind}: says {word}"
        for word in (*WORDS, *sorted(names))
        if word in during and word not in before
    ]


async def test_only_the_faults_own_fields_change() -> None:
    rounds = await _rounds(SOME)
    assert len(rounds) == len(SOME)
    leaks = [leak for done in rounds for leak in _leaks(done)]
    assert not leaks


@pytest.mark.matrix
async def test_no_kind_changes_more_than_its_own_fields() -> None:
    done = await _rounds(FAULTS)
    leaks = [leak for each in done for leak in _leaks(each)]
    print(f"leak test: {len(done)} kinds, {len(leaks)} leaks")
    assert not leaks
