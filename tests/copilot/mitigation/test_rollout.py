from typing import Any

import pytest

from copilot.mitigation.rollout import unfinished


def body(kind: str, generation: int = 2, wanted: int = 2, **status: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "a", "generation": generation},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": 2, **status},
    }


FULL = {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("object", "says"),
    [
        (body("Deployment", **FULL), ""),
        (body("Deployment", generation=3, **FULL), "not been taken up"),
        (body("Deployment", **{**FULL, "updatedReplicas": 1}), "1 of 2 pods updated"),
        (body("Deployment", **{**FULL, "availableReplicas": 1}), "1 available"),
        (body("Deployment", **{**FULL, "replicas": 3}), "rollout"),
        (body("Deployment"), "0 of 2 pods updated"),
        (body("Deployment", wanted=0), ""),
        (body("StatefulSet", updatedReplicas=2, replicas=2, readyReplicas=2), ""),
        (body("StatefulSet", updatedReplicas=1, replicas=2, readyReplicas=2), "1 of 2"),
        (
            body(
                "DaemonSet", desiredNumberScheduled=3, updatedNumberScheduled=3, numberAvailable=2
            ),
            "2 available",
        ),
        (body("Service", generation=9), ""),
    ],
)
def test_what_is_still_under_way(object: dict[str, Any], says: str) -> None:
    assert (says in unfinished(object)) and bool(unfinished(object)) == bool(says)
