from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.engine_real import Side, page
from benchmarks.fidelity.app_side import Counts, edges, read_page, shifts
from benchmarks.fidelity.report import ENOUGH_CALLS, differences, markdown
from benchmarks.fidelity.scraping import scraped
from benchmarks.twin_fidelity import cases, choose
from connectors.api.values import Json
from eval.bench.case import Outcome, row

APPS = ("hotel_reservation", "social_network")


def test_cases_are_chosen_by_the_seed_alone() -> None:
    todo = cases(APPS, ())
    chosen = choose(todo, 28)
    assert chosen == choose(todo, 28) and set(chosen) <= set(todo)
    assert set(chosen) == set(choose(cases(APPS[::-1], ()), 28))
    assert len({kind for _, kind, _ in chosen}) == 28
    assert {app: sum(case[0] == app for case in chosen) for app in APPS} == dict.fromkeys(APPS, 14)
    assert choose(todo, 5) == chosen[:5]


def test_an_edge_fails_slows_or_falls_silent() -> None:
    healthy = {("a", name): Counts(100, 0, 1000) for name in "bcde"}
    broken = {
        ("a", "b"): Counts(100, 6, 1000),
        ("a", "c"): Counts(100, 0, 9000),
        ("a", "d"): Counts(49, 0, 490),
        ("a", "e"): Counts(51, 0, 510),
    }
    assert shifts(healthy, broken) == {
        ("edge", "a->b", "errors"),
        ("edge", "a->c", "slow"),
        ("edge", "a->d", "fewer calls"),
    }


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    text = 'traces_span_metrics_calls_total{{service_name="a",span_kind="SPAN_KIND_CLIENT",status_code="{}",peer_service="b"}} {}'
    before: dict[Any, Counts] = {}
    after: dict[Any, Counts] = {}
    for pod, into, ok, failed in (
        ("one", before, 10, 2),
        ("one", after, 3, 1),
        ("two", after, 5, 0),
    ):
        read_page(text.format("STATUS_CODE_UNSET", ok), pod, into)
        read_page(text.format("STATUS_CODE_ERROR", failed), pod, into)
    made = edges(before, after)["a", "b"]
    assert (made.calls, made.failed) == (4 + 5, 1)


def _row(where: str, **fields: object) -> dict[str, Any]:
    made = {"where": where, "app": "shop", "kind": "k", "target": "t", "seen_usual": [], **fields}
    return {"seen_kube": [], "seen_app": [], "usual_calls": {}, **made}


def test_what_is_usual_or_chance_does_not_count() -> None:
    lost, quiet = ["edge", "a->b", "errors"], ["edge", "a->c", "errors"]
    one = _row("emulator", seen_app=[lost, quiet], usual_calls={"a->b": 99, "a->c": 99})
    other = _row("kube", seen_app=[["log", "a", "hello"]], seen_usual=[["log", "a", "hello"]],
                 usual_calls={"a->b": 99, "a->c": ENOUGH_CALLS - 1})  # fmt: skip
    assert differences(one, other, "app") == ({tuple(lost)}, set())
    text = markdown([one, other])
    assert "| app side | 0.000 | – | 0 |" in text
    assert "- only in the emulator: edge `a->b`: `errors`" in text


class _Pods:
    async def list(self, kind: str, namespace: str) -> list[Json]:
        note = {"prometheus.io/scrape": "true", "prometheus.io/port": "9464"}
        return [
            {"metadata": {"name": "web", "annotations": note}, "status": {"podIP": "10.0.0.1"}},
            {"metadata": {"name": "new", "annotations": note}, "status": {}},
            {"metadata": {"name": "odd"}, "status": {"podIP": "10.0.0.2"}},
        ]


async def test_prometheus_is_told_of_the_annotated_pods(tmp_path: Path) -> None:
    file = tmp_path / "pods.json"
    async with scraped(_Pods(), ["shop"], file):  # type: ignore[arg-type]  # lists only
        assert json.loads(file.read_text()) == [
            {"targets": ["10.0.0.1:9464"], "labels": {"namespace": "shop", "pod": "web"}}
        ]


def _engine(folder: Path, where: str, *outcomes: Outcome) -> Path:
    lines = [json.dumps({"where": where, **row(o), "report": {}}) for o in outcomes]
    (folder / where).mkdir()
    (folder / where / "engine.jsonl").write_text("\n".join(lines) + "\n")
    return folder / where


def test_the_engine_is_shown_on_the_cases_that_both_sides_have(tmp_path: Path) -> None:
    good = Outcome("shop", "k", "t", 0, "incident", detected=True, placed=True, placed_in_3=True,
                   cause=True, confidence=0.9, answers=["Deployment/shop/t x 0.90"], truth="t: x")  # fmt: skip
    bad = Outcome("shop", "k", "t", 0, "healthy", truth="t: x")
    fine = Outcome("shop", "", "before k", 0, "healthy", detected=True)
    real = _engine(tmp_path, "kube", good, fine, Outcome("shop", "else", "t", 0, "healthy"))
    emulated = _engine(tmp_path, "emulator", good, bad, fine)
    text = page(
        Side.of("real cluster", "kube", real, as_run=False),
        Side.of("emulator", "emulator", emulated, as_run=False),
    )
    assert "| real cluster | 1 faulty, 1 healthy | 1/1 1.00 [0.21, 1.00] |" in text
    assert "| emulator | 1 faulty, 1 healthy | 0/1 0.00 [0.00, 0.79] |" in text
    assert "| shop/k/t | D13C | –––– |" in text
    assert "- emulator, shop/k/t: healthy; right is t: x" in text
