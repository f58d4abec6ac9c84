from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eval.environments.emulator.telemetry.alerting import Alerting, load_rules
from eval.environments.emulator.telemetry.alerting.json import exponent
from eval.environments.emulator.telemetry.alerting.rules import Group, Rule, RuleError
from eval.environments.emulator.telemetry.alerting.templates import render
from eval.environments.emulator.telemetry.prometheus_api import PrometheusServer
from eval.environments.emulator.telemetry.series import SeriesStore
from eval.environments.emulator.traffic.metrics.metadata import METADATA
from tests.eval.environments.emulator.telemetry.http_api import served

T = 1_800_000_000.0
RULE = Rule(
    "Down",
    "probe == 0",
    60,
    {"severity": "critical", "team": "{{ $labels.job }}"},
    {"summary": "{{ $labels.job }} is {{ $value }}"},
)


class World:
    """A target that is down from `down` to `up`, watched by one rule."""

    def __init__(self, *rules: Rule) -> None:
        self.store = SeriesStore()
        self.now = T
        group = Group("g", "rules.yaml", rules or (RULE,))
        self.alerting = Alerting((group,), self.store, lambda: self.now)

    def pass_time(self, seconds: int, value: float) -> None:
        for _ in range(seconds // 15):
            self.now += 15
            self.store.append("probe", {"job": "web"}, self.now, value)

    def states(self) -> list[str]:
        self.alerting.catch_up()
        return [alert.state for alert in self.alerting.rules[0].alerts]


def test_from_pending_to_firing_to_resolved() -> None:
    world = World()
    world.pass_time(120, 1)
    assert world.states() == []
    world.pass_time(60, 0)
    assert world.states() == ["pending"]
    world.pass_time(60, 0)
    assert world.states() == ["firing"]
    [alert] = world.alerting.rules[0].alerts
    assert alert.labels == {
        "alertname": "Down",
        "job": "web",
        "severity": "critical",
        "team": "web",
    }
    assert alert.annotations == {"summary": "web is 0"}
    assert alert.fired - alert.active == 60
    world.pass_time(60, 1)
    assert world.states() == []
    assert [each.state for each in world.alerting.rules[0].resolved] == ["inactive"]
    world.pass_time(1200, 1)
    world.states()
    assert world.alerting.rules[0].resolved == []


def test_a_short_failure_never_fires() -> None:
    world = World()
    world.pass_time(60, 0)
    world.pass_time(60, 1)
    assert world.states() == []
    assert world.alerting.rules[0].resolved == []


def test_late_evaluation_gives_the_same_as_timely_evaluation() -> None:
    late, timely = World(), World()
    for value in (1, 0, 1, 0, 0, 0, 1, 0):
        late.pass_time(75, value)
        timely.pass_time(75, value)
        timely.alerting.catch_up()
    late.alerting.catch_up()

    def written(world: World) -> Any:
        series = world.store.select([], 0, 2**62)
        return [
            (each.labels, *(part.tobytes() for part in each.samples(0, 2**62))) for each in series
        ]

    assert written(late) == written(timely)
    assert late.alerting.rules[0].alerts == timely.alerting.rules[0].alerts


async def test_prometheus_shows_rules_alerts_and_their_series() -> None:
    world = World(RULE, Rule("Never", "probe == 7"))
    world.pass_time(180, 0)
    server = PrometheusServer(world.store, lambda: world.now, alerting=world.alerting)
    async with served(server) as api:
        query = {"query": 'ALERTS{alertname="Down"}'}
        result = (await api.good("/api/v1/query", query))["data"]["result"]
        assert [row["metric"]["alertstate"] for row in result] == ["firing"]
        result = (await api.good("/api/v1/query", {"query": "ALERTS_FOR_STATE"}))["data"]["result"]
        active = float(result[0]["value"][1])
        assert T < active <= T + 30
        alerts = (await api.good("/api/v1/alerts"))["data"]["alerts"]
        assert alerts == [
            {
                "labels": {
                    "alertname": "Down",
                    "job": "web",
                    "severity": "critical",
                    "team": "web",
                },
                "annotations": {"summary": "web is 0"},
                "state": "firing",
                "activeAt": "2027-01-15T08:00:30Z",
                "value": "0e+00",
            }
        ]
        [group] = (await api.good("/api/v1/rules"))["data"]["groups"]
        assert [(rule["name"], rule["state"]) for rule in group["rules"]] == [
            ("Down", "firing"),
            ("Never", "inactive"),
        ]
        assert group["rules"][0]["alerts"] == alerts
        assert (group["interval"], group["rules"][0]["duration"]) == (30, 60)
        # the fields of Prometheus 2.42
        assert set(group) == {
            "name",
            "file",
            "rules",
            "interval",
            "limit",
            "evaluationTime",
            "lastEvaluation",
        }
        assert set(group["rules"][0]) == {
            "state", "name", "query", "duration", "keepFiringFor", "labels", "annotations", "alerts",
            "health", "evaluationTime", "lastEvaluation", "type",
        }  # fmt: skip
        one = (await api.good("/api/v1/rules", {"rule_name[]": "Never"}))["data"]["groups"]
        assert [rule["name"] for rule in one[0]["rules"]] == ["Never"]
        assert (await api.good("/api/v1/rules", {"type": "record"}))["data"] == {"groups": []}
        status, body = await api.get("/api/v1/rules", {"type": "x"})
        assert (status, body["errorType"]) == (400, "bad_data")
        names = (await api.good("/api/v1/label/alertname/values"))["data"]
        assert names == ["Down"]


async def test_a_rule_that_fails_says_why() -> None:
    world = World(Rule("Odd", "probe + on() group_left() (probe or vector(1))"))
    world.pass_time(60, 1)
    world.store.append("probe", {"job": "b"}, world.now, 1)
    async with served(
        PrometheusServer(world.store, lambda: world.now, alerting=world.alerting)
    ) as api:
        [group] = (await api.good("/api/v1/rules"))["data"]["groups"]
    assert group["rules"][0]["health"] == "err"
    assert "matching" in group["rules"][0]["lastError"]


def test_the_rule_file_reads_only_metrics_that_are_exported() -> None:
    known = {
        name + end
        for name, (kind, _) in METADATA.items()
        for end in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    asked = {
        name
        for group in load_rules()
        for rule in group.rules
        for name in re.findall(
            r"\b(?:kube|node|container|traces|kubelet|kafka)_\w+|\bup\b", rule.expression
        )
    }
    assert len(asked) > 20
    assert asked - known == set()


def test_every_bundled_rule_is_described() -> None:
    rules = [rule for group in load_rules() for rule in group.rules]
    assert len(rules) >= 25
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule.annotations) == {"summary", "description"}, rule.name
        assert rule.labels["severity"] in ("info", "warning", "critical")
        for text in (*rule.annotations.values(), *rule.labels.values()):
            assert "{{" not in render(text, {}, 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a file of rule groups"),
        ("groups: [{name: a}]", "not a file of rule groups"),
        ("groups: [{name: a, rules: [{record: x, expr: up}]}]", "only alerting rules"),
        ("groups: [{name: a, rules: [{alert: X, expr: 'up{'}]}]", "the rule X cannot be used"),
        ("groups: [{name: a, rules: [{alert: X, expr: up, for: soon}]}]", "the rule X cannot be used"),
        ("groups: [{name: a, rules: [{alert: X, expr: up, fo: 1m}]}]", "fields that are not known: ['fo']"),
    ],
)  # fmt: skip
def test_bad_rule_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_rules(file)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("template", "value", "shown"),
    # what Prometheus 2.42 makes of them
    [
        ("{{ $value }}", 2.0, "2"),
        ("{{ $value | humanizePercentage }}", 2.0, "200%"),
        ("{{ $value | humanizePercentage }}", 0.123456, "12.35%"),
        ('{{ printf "%.2f" $value }}', 2.0, "2.00"),
        ("{{ $value | humanizeDuration }}", 2.0, "2s"),
        ("{{ $value | humanizeDuration }}", 3723.0, "1h 2m 3s"),
        ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
        ("{{ $value | humanize }}", 0.002, "2m"),
        ("{{ $value | humanize1024 }}", 2_097_152.0, "2Mi"),
        ("a {{ $labels.job }} b{{ $labels.none }}", 1.0, "a web b"),
    ],
)
def test_templates(template: str, value: float, shown: str) -> None:
    assert render(template, {"job": "web"}, value) == shown


def test_unknown_templates_are_refused() -> None:
    with pytest.raises(ValueError, match="not defined"):
        render("{{ $value | shout }}", {}, 1)
    with pytest.raises(ValueError, match="unexpected"):
        render("{{ query `up` }}", {}, 1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0, "1e+00"), (0.0, "0e+00"), (123.5, "1.235e+02"), (-0.05, "-5e-02"), (1e22, "1e+22"),
     (float("nan"), "NaN"), (float("inf"), "+Inf"), (1.5e-7, "1.5e-07")],
)  # fmt: skip
def test_values_as_go_writes_them(value: float, shown: str) -> None:
    assert exponent(value) == shown
