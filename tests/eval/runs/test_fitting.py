"""Which problems a real cluster can play: the others say why, and none fails for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from copilot.cli.eval import app
from eval.runs.fitting import sorted_out, why_not
from eval.suites.catalog import SUITES, suite

BY_ID = {problem.id: problem for problem in suite("aiopslab")}


@pytest.mark.parametrize("name", [name for name in SUITES if name != "sregym"])
def test_the_emulator_plays_everything(name: str) -> None:
    problems = suite(name)
    assert sorted_out(problems, "emulator") == (problems, ())


def test_most_of_the_ids_can_be_played_on_a_real_cluster() -> None:
    possible, impossible = sorted_out(suite("aiopslab"), "kube")
    assert len(possible) + len(impossible) == 89
    assert len(possible) > 70
    assert {each.problem.faults[0].kind for each in impossible} == {
        "buggy_build", "pod_failure", "network_loss", "network_delay",
    }  # fmt: skip
    assert all(each.why for each in impossible)


def test_reasons() -> None:
    assert "image" in why_not(BY_ID["misconfig_app_hotel_res-detection-1"], "kube")
    assert "nodes" in why_not(BY_ID["network_loss_hotel_res-detection-1"], "kube")
    noisy = replace(BY_ID["noop_detection_hotel_reservation-1"], noise=3)
    assert "namespaces" in why_not(noisy, "kube")


def test_only_impossible_problems_are_named_and_nothing_is_opened() -> None:
    command = ["run", "--suite", "aiopslab", "--problem", "pod_kill*", "--environment", "kube"]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0
    assert "Not possible on this environment" in said.stdout
    assert "pod_kill_hotel_res-detection-1" in said.stdout


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--environment", "kube", "--executor", "ray"], "one problem at a time"),
        (["--environment", "kube", "--jobs", "2"], "one problem at a time"),
        (["--image", "x"], "--environment kube"),
        (["--ray-address", "x"], "--executor ray"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], hint: str) -> None:
    said = CliRunner().invoke(app, ["run", *options])
    assert said.exit_code == 2
    assert hint in said.stderr
