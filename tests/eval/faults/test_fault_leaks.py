"""What an injection adds, beyond the fault itself, does not give it away."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable

import numpy as np
import pytest

from connectors.api.values import Json
from eval.apps.loader import load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.case import Case
from eval.faults.changes import (
    Add,
    Administer,
    Change,
    Edit,
    Finalize,
    NamespaceLabel,
    Poison,
    Remove,
    Restart,
    Scenery,
    SecretValue,
    Wait,
)
from eval.faults.cluster_changes import CordonNodes, Crowd, DnsAnswer, EndJobs, Reclaim, TaintNodes
from eval.faults.noise import make_noise
from eval.faults.paths import Item, differences
from eval.faults.registry import FAULTS, targets
from tests.eval.faults.rounds import Round, Snapshot, snapshot, stays_broken, whole_way

APP = "hotel_reservation"
SOME = (
    "scale_to_zero", "wrong_image", "wrong_command", "service_selector", "quota_pods",
    "limit_range_maximum", "node_affinity_impossible", "init_waits_for_ever",
    "readiness_probe_wrong_port", "network_policy_ingress", "host_port_conflict", "claim_too_large",
)  # fmt: skip
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


def _touched(change: Change, before: Snapshot) -> set[tuple[str, str]]:
    """The objects that a change itself is about."""
    match change:
        case Edit() | Finalize() | Remove() | Add():
            return {(change.kind, change.name)}
        case SecretValue():
            return {("Secret", change.secret)}
        case Reclaim():
            volumes = {key for key in before if key[0] == "PersistentVolume"}
            return {("PersistentVolumeClaim", change.claim), *volumes}
        case TaintNodes() | CordonNodes():
            return {key for key in before if key[0] == "Node"}
        case Crowd():
            return {("Deployment", change.name), ("PriorityClass", change.priority_class)}
        case NamespaceLabel():
            return {key for key in before if key[0] == "Namespace"}
        case Scenery():
            return _touched(change.change, before)
        case Restart() | Administer() | Poison() | Wait() | DnsAnswer() | EndJobs():
            return set()
        case _:
            raise AssertionError(f"unknown change {change}")


def _leaks(done: Round) -> list[str]:
    """Changes that are not the fault's own, managers that tell, and telling words."""
    case = Case(load_app(done.app), done.target)
    changes = FAULTS[done.kind].changes(case)
    mine = {key for change in changes for key in _touched(change, done.before)}
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


# A classifier that sees only names, labels and annotations


def _tokens(objects: Snapshot) -> set[str]:
    """The words in names, labels and annotations; what has digits in it is a hash or a number."""
    texts: list[str] = []
    for (kind, name), item in objects.items():
        if kind == "Event":
            continue
        metadata = item["metadata"]
        texts.append(name)
        for field in ("labels", "annotations"):
            for key, value in (metadata.get(field) or {}).items():
                texts += [key, str(value)]
    words = re.split(r"[^a-z0-9]+", " ".join(texts).lower())
    return {word for word in words if len(word) > 2 and word.isalpha()}


def _naive_bayes(documents: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """The accuracy of Bernoulli naive Bayes, each group judged by what the others taught."""
    right = 0
    for group in np.unique(groups):
        test = groups == group
        known, truth = documents[~test], labels[~test]
        scores = []
        for value in (0, 1):
            rows = known[truth == value]
            p = (rows.sum(axis=0) + 1) / (len(rows) + 2)
            scores.append(documents[test] @ np.log(p) + (1 - documents[test]) @ np.log(1 - p))
        # a tie is decided by neither: it counts half
        guess = np.sign(scores[1] - scores[0])
        right += float(np.where(guess == 0, 0.5, (guess > 0) == labels[test]).sum())
    return right / len(labels)


def _accuracy(pairs: list[tuple[set[str], set[str], str]]) -> tuple[float, float]:
    """The accuracy on (healthy, faulty, family) documents, and what chance exceeds once in 20 times."""
    vocabulary = sorted({word for healthy, faulty, _ in pairs for word in healthy | faulty})
    sets = [words for healthy, faulty, _ in pairs for words in (healthy, faulty)]
    documents = np.array([[word in words for word in vocabulary] for words in sets], dtype=float)
    labels = np.array([0, 1] * len(pairs))
    groups = np.array([family for *_, family in pairs for _ in range(2)])
    # the two documents of a pair are alike in all but the fault: the pairs are what is independent
    bound = 0.5 + 1.645 * 0.5 / np.sqrt(len(pairs))
    return _naive_bayes(documents, labels, groups), float(bound)


def test_the_classifier_finds_a_leak_when_there_is_one() -> None:
    pairs = [({"web", f"a{chr(97 + i)}"}, {"web", "chaosmesh"}, str(i)) for i in range(20)]
    accuracy, bound = _accuracy(pairs)
    assert accuracy == 1.0 > bound


@functools.cache
def _families() -> dict[str, str]:
    return {kind.kind: kind.family for kind in FAULTS.values()}


@pytest.mark.matrix
async def test_names_labels_and_annotations_tell_no_better_than_chance() -> None:
    """Both twins are as messy as real clusters: each has its own seeded noise."""
    app = load_app(APP)
    pairs: list[tuple[set[str], set[str], str]] = []
    for seed, kind in enumerate(FAULTS):
        for target in targets(kind, app)[:1]:
            twins: list[set[str]] = []
            for faulty in (False, True):
                environment = await Emulator.start(app, seed=seed, warmup_seconds=30)
                try:
                    await make_noise(environment, app, seed=2 * seed + faulty)
                    if faulty:
                        await FAULTS[kind](app, seed).inject(environment, target)
                    await environment.clock.sleep(90)
                    twins.append(_tokens(await snapshot(environment)))
                finally:
                    await environment.close()
            pairs.append((twins[0], twins[1], _families()[kind]))
    accuracy, bound = _accuracy(pairs)
    print(
        f"leak classifier: accuracy {accuracy:.3f} over {len(pairs)} kinds, chance below {bound:.3f}"
    )
    assert accuracy <= bound
