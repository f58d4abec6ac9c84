"""The suites, and files of problems."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from copilot.model.errors import UsageError
from eval.faults.registry import FAULTS
from eval.problems import Task
from eval.suites.apps import app_of
from eval.suites.catalog import SUITES, chosen, suite

GOOD = """problems:
  - id: wrong-port-{task}
    tasks: [detection, localization]
    app: social_network
    faults:
      - {kind: service_target_port, target: user-service}
  - {id: quiet, tasks: [detection], app: hotel_reservation, noise: 3}
"""


def test_aiopslab_has_the_registrys_ids() -> None:
    problems = suite("aiopslab")
    assert Counter(p.task for p in problems) == {
        Task.DETECTION: 34,
        Task.LOCALIZATION: 28,
        Task.ANALYSIS: 13,
        Task.MITIGATION: 14,
    }
    ids = {p.id for p in problems}
    assert len(ids) == 89
    assert {
        "k8s_target_port-misconfig-mitigation-3",
        "container_kill-localization",
        "noop_detection_social_network-1",
        "astronomy_shop_kafka_queue_problems-mitigation-1",
        "flower_model_misconfig-detection",
    } <= ids
    assert "redeploy_without_PV-localization-1" not in ids
    healthy = [p.id for p in problems if not p.faulty]
    assert all(name.startswith("noop_detection") for name in healthy) and len(healthy) == 3
    assert {app_of(p.app).namespace for p in problems} == {
        "test-hotel-reservation",
        "test-social-network",
        "astronomy-shop",
        "docker",
    }


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_names_what_there_is(name: str) -> None:
    problems = suite(name)
    assert len({p.id for p in problems}) == len(problems) > 0
    for problem in problems:
        app = app_of(problem.app)
        for fault in problem.faults:
            assert fault.kind in FAULTS
            assert fault.target in app.services
        assert problem.faults or problem.task in (Task.DETECTION, Task.CONVERSATION)


def test_each_incident_has_a_healthy_twin() -> None:
    problems = suite("aiopslab-twins")
    assert sum(p.faulty for p in problems) == sum(not p.faulty for p in problems) == 31
    twins = [p for p in problems if not p.faulty]
    assert len({(p.app, p.settle_seconds) for p in twins}) == len(twins)


def test_compound_breaks_two_places() -> None:
    for problem in suite("compound"):
        assert len({fault.target for fault in problem.faults}) == 2


def test_a_folder_of_problems(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    problems = suite(str(tmp_path))
    assert [p.id for p in problems] == ["wrong-port-detection", "wrong-port-localization", "quiet"]
    assert problems[2].noise == 3
    assert [p.id for p in chosen(problems, ("*-detection",))] == ["wrong-port-detection"]
    with pytest.raises(UsageError, match="no id matches"):
        chosen(problems, ("nope",))
    (tmp_path / "b.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="two problems are called wrong-port-detection"):
        suite(str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("target: user-service", "target: nobody", r':6: social_network has no service "nobody"'),
        ("service_target_port", "gremlins", r':6: there is no fault "gremlins"'),
        ("app: social_network", "app: elsewhere.yaml", r":4: .*cannot be read"),
        ("-{task}", "", r":2: .*has several tasks"),
        (
            "tasks: [detection], app: hotel",
            "tasks: [analysis], app: hotel",
            r":7: of a healthy app",
        ),
        ("localization]", "guessing]", r":3: problems.0.tasks.1: Input should be"),
        ("noise: 3", "noise: 3, seed: 4", r":7: problems.1.seed: Extra inputs"),
        ("problems:", "problems: [", r"not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UsageError, match=said) as raised:
        suite(str(path))
    assert "\n" not in str(raised.value)


def test_an_unknown_suite_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no suite"):
        suite("aiops")
    with pytest.raises(UsageError, match="no problem files"):
        suite(str(tmp_path))
