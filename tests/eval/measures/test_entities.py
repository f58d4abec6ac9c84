"""Entities, and ITBench's measures over them."""

from __future__ import annotations

import pytest

from copilot.model.scope import ObjectRef
from eval.apps.loader import load_app
from eval.measures.entities import entities, entity, nearness, topology, true_chain
from eval.protocols import Expected, Link

APP = load_app("hotel_reservation")
SPACE = APP.namespace


def ref(kind: str, name: str) -> ObjectRef:
    return ObjectRef(kind, SPACE, name)


def expected(*chain: tuple[str, str], also: tuple[ObjectRef, ...] = ()) -> Expected:
    links = tuple(Link(ref(kind, name), "fails") for kind, name in chain)
    return Expected((links[0].object, *also), ("workload.scaled_to_zero",), "", "", chain=links)


GEO = expected(("Deployment", "geo"), ("Deployment", "search"), ("Deployment", "frontend"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("geo", "geo"),
        (f"Deployment/{SPACE}/geo", "geo"),
        (f"Service/{SPACE}/geo", "geo"),
        (f"Pod/{SPACE}/geo-6d4cf56db6-abcde", "geo"),
        (f"ReplicaSet/{SPACE}/geo-6d4cf56db6", "geo"),
        (f"Pod/{SPACE}/mongodb-geo-0", "mongodb-geo"),
        (f"ConfigMap/{SPACE}/geo", "ConfigMap/geo"),
        ("Node/node-1", "Node/node-1"),
        (f"Pod/{SPACE}/stranger", "stranger"),
    ],
)
def test_what_objects_count_as(text: str, wanted: str) -> None:
    assert entity(APP, text) == wanted


def test_the_truth_itself_scores_one_and_nothing_scores_none() -> None:
    told = [str(link.object) for link in GEO.chain]
    found = nearness(APP, [GEO], told[:1], told)
    assert (found.localization, found.chain, found.links) == (1.0, 1.0, 1.0)
    found = nearness(APP, [], ["geo"], ["geo"])
    assert (found.localization, found.chain, found.links) == (None, None, None)
    found = nearness(APP, [GEO], [], [])
    assert (found.localization, found.chain) == (0.0, None)


def test_nearer_is_better_and_more_is_worse() -> None:
    scores = [
        nearness(APP, [GEO], named, []).localization or 0.0
        for named in (["geo"], ["geo", "rate"], ["search"], ["frontend"], ["nowhere"])
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0 and scores[-1] == 0.0 and len(set(scores)) == 5


def test_another_object_that_counts_is_as_good() -> None:
    either = expected(
        ("ConfigMap", "limits"), ("Deployment", "geo"), also=(ref("Service", "rate"),)
    )
    assert nearness(APP, [either], ["rate"], []).localization == 1.0
    assert nearness(APP, [either], [f"ConfigMap/{SPACE}/limits"], []).localization == 1.0


def test_two_faults_both_count() -> None:
    rate = expected(("Deployment", "rate"), ("Deployment", "frontend"))
    both = nearness(APP, [GEO, rate], ["geo", "rate"], []).localization
    one = nearness(APP, [GEO, rate], ["geo"], []).localization
    assert both == 1.0 and one is not None and 0.3 < one < 0.9
    assert true_chain(APP, [GEO, rate])[:2] == ("geo", "rate")


def test_the_topology_has_calls_and_mounts() -> None:
    edges = topology(APP, [])
    assert "search" in edges["frontend"]
    assert any(name.startswith("PersistentVolumeClaim/") for name in edges["mongodb-geo"])
    assert entities(APP, ["geo", f"Pod/{SPACE}/geo-6d4cf56db6-abcde"]) == ("geo",)
