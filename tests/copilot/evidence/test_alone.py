"""Programs that nobody calls: only their own logs tell that they fail."""

from __future__ import annotations

import pytest

from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.reasoned import complain, failing, first, reasoned, shop
from tests.copilot.evidence.worlds import SPACE, World

FORBIDDEN = (
    'ERROR agent inventory failed: pods is forbidden: User "system:serviceaccount:shop:agent"'
    ' cannot list resource "pods" in API group ""'
)


def with_worker() -> World:
    world = shop()
    world.service("agent")
    world.objects["Service"] = [
        s for s in world.objects["Service"] if s["metadata"]["name"] != "agent"
    ]
    return world


def test_a_right_that_it_lacks_since_a_while_is_an_incident() -> None:
    world = with_worker()
    complain(world, "agent", FORBIDDEN, times=12)
    report = reasoned(world, failing())
    assert first(report) == "agent security.rbac_denied"
    assert report.verdict is Verdict.INCIDENT
    assert "cannot list resource" in report.plain().findings[0].summary


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("ERROR cannot render label P-7", Verdict.INCONCLUSIVE),
        ("panic: runtime error: index out of range", Verdict.INCIDENT),
    ],
)
def test_new_steady_errors_of_a_worker_are_never_healthy(line: str, verdict: Verdict) -> None:
    world = with_worker()
    complain(world, "agent", line, times=12)
    report = reasoned(world, failing())
    assert report.verdict is verdict
    assert report.candidates[0].object.name == "agent"


def test_what_it_always_said_is_noise_and_what_is_called_has_callers_to_complain() -> None:
    world = with_worker()
    lines = [(20.0 * n, "ERROR cannot refresh banner") for n in range(180, 0, -1)]
    world.log("agent", (3601, "started"), *lines)
    complain(world, "cache", "ERROR cannot refresh banner", times=12)
    report = reasoned(world, failing())
    assert report.verdict is Verdict.HEALTHY
    assert "Seen, but not counted" in report.plain().summary
    assert "cache" in report.plain().summary


def test_a_line_of_the_start_that_comes_much_more_often_now_is_new() -> None:
    """The same words stood in the baseline, while the program came up."""
    world = shop()
    refused = "ERROR GET http://orders:8080/ failed: connect: connection refused"
    starting = [(930.0 - 3 * n, refused) for n in range(4)]
    now = [(0.5 * n + 1, refused) for n in range(180, 0, -1)]
    world.log("web", (950, "started"), *starting, *now)
    assert reasoned(world).verdict is not Verdict.HEALTHY
    few = [(1.0 * n, refused) for n in (80, 40, 5)]
    world.log("web", (950, "started"), *starting, *few)
    assert reasoned(world).verdict is Verdict.HEALTHY


def test_nothing_is_healthy_that_is_refused_by_what_has_no_ready_pod() -> None:
    world = shop()
    pod = world.get("Pod", "orders-abc12-x1")
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    refused = "GET http://orders:8080/ failed: connect: connection refused"
    world.log("web", (4000, refused), *[(40.0 * n + 2, refused) for n in range(95, -1, -1)])
    assert world.logs[f"{SPACE}/web-abc12-x1/web/current"]
    assert reasoned(world).verdict is not Verdict.HEALTHY
