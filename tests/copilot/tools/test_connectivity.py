from __future__ import annotations

from typing import Any

import pytest

from copilot.tools.network_policy import Peer, allows, selected
from tests.copilot.tools.worlds import (
    Cluster,
    app,
    deployment,
    endpoints,
    meta,
    pod,
    replica_set,
    service,
    told,
    toolbox,
)


def policy(name: str, selector: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "kind": "NetworkPolicy",
        "metadata": meta(name),
        "spec": {"podSelector": {"matchLabels": selector}, **spec},
    }


async def check(*objects: dict[str, Any], **arguments: str) -> str:
    box = toolbox(Cluster(list(objects)))
    text = await told(box, "check_connectivity", **{"service": "cart", **arguments})
    return text.partition("\n[ev-")[0]


async def test_a_healthy_way() -> None:
    text = await check(*app("cart"))
    assert text.startswith("cart: no broken step found")
    assert "BROKEN" not in text
    assert text.count("  ok  ") == 6


async def test_a_wrong_target_port() -> None:
    text = await check(deployment("cart"), pod("cart-1-a", "cart"), service("cart", target=9999))
    assert "port 80→9999: no container declares port 9999; declared are: 8080" in text
    named = await check(pod("cart-1-a", "cart"), service("cart", target="web"))
    assert "port 80→web: no container port is named web" in named


async def test_undeclared_ports_are_no_proof() -> None:
    bare = pod("cart-1-a", "cart")
    del bare["spec"]["containers"][0]["ports"]
    text = await check(bare, service("cart"), endpoints("cart", "10.0.0.1"))
    assert "no broken step" in text
    assert "declare no ports" in text


async def test_a_selector_that_matches_nothing() -> None:
    objects = [deployment("cart"), replica_set("cart"), pod("cart-1-a", "cart")]
    text = await check(*objects, service("cart", app="kart"), endpoints("cart"))
    assert "1 broken step" not in text
    assert "selector app=kart matches no pod; the pods of cart are labelled app=cart" in text
    zero = await check(deployment("cart", replicas=0, ready=0), service("cart"))
    assert "Deployment cart has 0 replicas" in zero


async def test_pods_that_are_not_ready() -> None:
    sick = pod("cart-1-a", "cart", ready=False)
    text = await check(deployment("cart"), replica_set("cart"), sick, service("cart"))
    assert "none of the 1 pods is ready" in text
    assert "pod cart-1-a: container main runs but is not ready" in text


async def test_a_probe_that_asks_the_wrong_port() -> None:
    sick = pod("cart-1-a", "cart", ready=False)
    probe = {"httpGet": {"path": "/health", "port": 9090}}
    sick["spec"]["containers"][0]["readinessProbe"] = probe
    text = await check(sick, service("cart"))
    assert "readiness probe asks port 9090 path /health, which the container does not" in text


async def test_no_service() -> None:
    text = await check(deployment("cart"), replica_set("cart"), pod("cart-1-a", "cart"))
    assert "there is no Service cart: its DNS name does not resolve" in text


async def test_policies_in_the_way() -> None:
    deny = policy("deny", {"app": "cart"}, policyTypes=["Ingress"])
    assert "BROKEN  ingress from any pod to port 8080 is not allowed by deny" in await check(
        *app("cart"), deny
    )
    only = policy(
        "only-front",
        {"app": "cart"},
        ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "front"}}}]}],
    )
    world = [*app("cart"), *app("front"), *app("other"), only]
    assert "BROKEN" not in await check(*world)
    assert "ingress from front to port 8080: allowed (only-front)" in await check(
        *world, source="front"
    )
    assert "BROKEN  ingress from other to port 8080 is not allowed by only-front" in await check(
        *world, source="other"
    )
    egress = policy(
        "out",
        {"app": "front"},
        policyTypes=["Egress"],
        egress=[{"to": [{"podSelector": {}}], "ports": [{"port": 8080}]}],
    )
    text = await check(*world, egress, source="front")
    assert "egress of the caller to port 8080: allowed (out)" in text
    assert "BROKEN  egress of the caller to DNS (UDP 53) is not allowed by out" in text


@pytest.mark.parametrize(
    ("rule", "other", "allowed"),
    [
        ({}, None, True),
        ({"from": [{"podSelector": {}}]}, Peer("shop", {}), True),
        ({"from": [{"podSelector": {}}]}, Peer("web", {}), False),
        ({"from": [{"namespaceSelector": {}}]}, Peer("web", {}), True),
        (
            {"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {}}]},
            Peer("web", {}, {"team": "b"}),
            False,
        ),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, Peer("w", {}, {}, "10.1.2.3"), True),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
            Peer("w", {}, {}, "10.1.2.3"),
            False,
        ),
        ({"ports": [{"port": 80}]}, None, False),
        ({"ports": [{"port": 8000, "endPort": 9000}]}, None, True),
        ({"ports": [{"port": "http"}]}, None, True),
        ({"ports": [{"port": 8080, "protocol": "UDP"}]}, None, False),
        ({"ports": [{"protocol": "TCP"}]}, None, True),
    ],
)
def test_rules_of_policies(rule: dict[str, Any], other: Peer | None, allowed: bool) -> None:
    found = allows(
        [policy("p", {}, ingress=[rule])], Peer("shop", {}), other, "Ingress", 8080, "TCP", "http"
    )
    assert found == (allowed, ["p"])


def test_selectors() -> None:
    labels = {"app": "a", "tier": "web"}

    def expression(operator: str, key: str = "app", *values: str) -> bool:
        item = {"key": key, "operator": operator, "values": list(values)}
        return selected({"matchExpressions": [item]}, labels)

    assert selected({}, labels)
    assert expression("In", "app", "a", "b")
    assert not expression("In", "app", "b")
    assert expression("NotIn", "app", "b")
    assert expression("NotIn", "other", "b")
    assert expression("Exists", "tier")
    assert not expression("Exists", "other")
    assert expression("DoesNotExist", "other")
