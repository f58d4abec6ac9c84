"""Answers of a real Prometheus, frozen by benchmarks/promql_agreement.py, are given here too."""

from __future__ import annotations

import json
import math
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from eval.environments.emulator.telemetry.prometheus_handlers import Handlers
from eval.environments.emulator.telemetry.prometheus_params import Params
from eval.environments.emulator.telemetry.promql import Dialect, PromQLError
from eval.environments.emulator.telemetry.series import STALE_NAN, SeriesStore

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


@cache
def handlers() -> Handlers:
    store = SeriesStore()
    for row in GOLDEN["series"]:
        labels = dict(row["labels"])
        values = [STALE_NAN if v == "stale" else float(v) for v in row["values"]]
        steps = row["steps"]
        gaps = steps if isinstance(steps, list) else [steps] * (len(values) - 1)
        times = accumulate([GOLDEN["t0"] + row["first"], *gaps])
        series = store.series(labels.pop("__name__"), labels)
        series.extend([ms / 1000 for ms in times], values)
    return Handlers(store, lambda: GOLDEN["t0"] / 1000, Dialect.V2)


def ours(query: str, params: dict[str, str]) -> dict[str, Any]:
    given = Params({name: [value] for name, value in {"query": query, **params}.items()})
    ask = handlers().query_range if "step" in params else handlers().query
    try:
        return {"code": 200, "data": ask(given)}
    except PromQLError as error:
        return {"code": error.status, "errorType": error.type}


def same(real: Any, own: Any) -> bool:
    """Compare JSON; numbers in strings may differ by 1e-9 of their size."""
    if isinstance(real, dict) and isinstance(own, dict):
        return real.keys() == own.keys() and all(same(real[k], own[k]) for k in real)
    if isinstance(real, list) and isinstance(own, list):
        return len(real) == len(own) and all(map(same, real, own))
    if real == own or not (isinstance(real, str) and isinstance(own, str)):
        return bool(real == own)
    try:
        return math.isclose(float(real), float(own), rel_tol=1e-9, abs_tol=1e-12)
    except ValueError:
        return False


def arranged(query: str, data: dict[str, Any]) -> dict[str, Any]:
    """Sort a vector's series, except where their order is the answer."""
    if data["resultType"] == "vector" and not query.startswith(("sort", "topk", "bottomk")):
        rows = sorted(data["result"], key=lambda row: json.dumps(row["metric"], sort_keys=True))
        return {**data, "result": rows}
    return data


@pytest.mark.parametrize(
    "row", GOLDEN["answers"], ids=[f"{r['query']} {len(r['params'])}" for r in GOLDEN["answers"]]
)
def test_as_the_real_one(row: dict[str, Any]) -> None:
    real, own = row["answer"], ours(row["query"], row["params"])
    assert (own["code"], own.get("errorType")) == (real["code"], real.get("errorType"))
    if real["code"] == 200:
        expected, got = (arranged(row["query"], side["data"]) for side in (real, own))
        assert same(expected, got), f"real: {expected}\nours: {got}"


def test_the_golden_data_is_worth_comparing() -> None:
    filled = {
        row["query"]
        for row in GOLDEN["answers"]
        if row["answer"]["code"] == 200 and row["answer"]["data"]["result"]
    }
    assert len(filled) >= 240


def test_a_wrong_number_would_be_noticed() -> None:
    assert not same({"value": [1, "2.5"]}, {"value": [1, "2.50001"]})
    assert not same([["a", "1"]], [["b", "1"]])
    assert not same([[1, "NaN"]], [[1, "0"]])
