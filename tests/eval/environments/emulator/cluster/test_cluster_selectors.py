from __future__ import annotations

import pytest

from eval.environments.emulator.cluster.api.tables import human_duration
from eval.environments.emulator.cluster.quantity import format_quantity, quantity
from eval.environments.emulator.cluster.selectors import (
    parse_fields,
    parse_labels,
    selector_matches,
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=db", True),
        ("app in (web, api),!gone", True),
        ("app notin (web)", False),
        ("tier", False),
        ("missing!=x", True),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert parse_labels(text)({"app": "web"}) is matches


def test_bad_selectors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found '='"):
        parse_labels("=x y")
    with pytest.raises(ValueError, match="can't understand"):
        parse_fields("nonsense")


def test_field_selectors_reach_nested_fields() -> None:
    pod = {"metadata": {"name": "a"}, "status": {"phase": "Running"}, "spec": {}}
    assert parse_fields("status.phase=Running,metadata.name!=b")(pod)
    assert parse_fields("spec.nodeName=")(pod)
    assert not parse_fields("status.phase!=Running")(pod)


def test_a_missing_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selector_matches(None, {"a": "b"})
    assert selector_matches({}, {"a": "b"})
    expression = {"key": "a", "operator": "NotIn", "values": ["b"]}
    assert not selector_matches({"matchExpressions": [expression]}, {"a": "b"})


def test_quantities() -> None:
    assert quantity("1.5Gi") == quantity("1536Mi")
    assert quantity("250m") * 4 == 1 == quantity(1)
    assert format_quantity(quantity("1536Mi"), "Gi") == "1536Mi"
    assert format_quantity(quantity("250m")) == "250m"
    with pytest.raises(ValueError, match="quantities"):
        quantity("lots")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (100_000, "27h"),
        (200_000, "2d7h"),
        (40 * 86_400, "40d"),
    ],
)
def test_durations_are_written_as_kubectl_writes_them(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
