"""Limits and prices."""

from __future__ import annotations

import pytest

from copilot.agent.budget import Budget, Spent
from copilot.agent.client import FUSE, check_fuse
from copilot.agent.prices import Price, price_of
from copilot.agent.settings import ModelSettings
from copilot.model.errors import ConfigError

PRICED = {"mine": Price(input=10.0, output=20.0)}


def test_each_limit_is_named() -> None:
    now = [0.0]
    settings = ModelSettings(
        "mine",
        max_steps=3,
        max_tokens=10_000,
        max_seconds=60,
        max_money=0.05,
        reply_tokens=1_000,
        prices=PRICED,
    )
    budget = Budget(settings, timer=lambda: now[0])
    assert budget.exhausted() == ""
    budget.count(Spent(input=1_000, output=100))
    assert budget.money == pytest.approx(0.012)
    assert "tokens" in budget.exhausted(next_request=9_000)
    now[0] = 60
    assert budget.seconds_left == 0
    assert budget.exhausted() == "it used its 60 seconds"
    now[0] = 50
    assert budget.nearly(100) == "its 60 seconds are nearly over"
    now[0] = 1
    budget.count(Spent(input=3_900))
    assert budget.exhausted() == "it used $0.05 of $0.05"
    budget.count(Spent())
    assert budget.exhausted() == "it used its 3 steps"
    assert budget.usage().input_tokens == 4_900


def test_an_unknown_price_is_said_and_never_zero() -> None:
    budget = Budget(ModelSettings("homemade"))
    budget.count(Spent(input=1_000_000))
    assert budget.money is None
    assert budget.usage().money is None
    assert "cost unknown" in str(budget)


def test_prices_by_name() -> None:
    assert price_of("gpt-4o-2024-08-06") == price_of("gpt-4o") == price_of("openai/gpt-4o")
    assert price_of("gpt-4o-mini") != price_of("gpt-4o")
    assert price_of("gpt-4o-tuned-by-us") is None
    assert price_of("mine", PRICED) == PRICED["mine"]
    assert price_of("gpt-4o", {"gpt-4o": PRICED["mine"]}) == PRICED["mine"]
    assert Price(2.0, 4.0).of(1_000_000, 1_000_000, 500_000) == 6.0


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/v1", "http://127.0.0.1:1/v1", "http://[::1]:1/v1"]
)
def test_the_fuse_lets_this_machine_pass(url: str) -> None:
    check_fuse(url, {FUSE: "1"})


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://10.0.0.1/v1", "http://localhost.evil.example/v1", ""],
)
def test_the_fuse_stops_everything_else(url: str) -> None:
    with pytest.raises(ConfigError, match="not on this machine"):
        check_fuse(url, {FUSE: "1"})
    check_fuse(url, {})


def test_the_key_is_never_shown() -> None:
    assert "secret" not in repr(ModelSettings("m", api_key="secret"))
