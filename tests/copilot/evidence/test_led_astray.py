"""Objects that lead elsewhere than people meant: lost selectors, nodes, backends, ports, places taken by others."""

from __future__ import annotations

from copilot.evidence.kube import dig
from tests.copilot.evidence.reasoned import failing, first, flow, reasoned, shop
from tests.copilot.evidence.test_platform import unschedulable
from tests.copilot.evidence.worlds import ago


def test_a_service_that_lost_its_selector_keeps_endpoints_of_old() -> None:
    world = shop()
    del world.get("Service", "orders")["spec"]["selector"]
    gone = {"ip": "10.0.0.99", "targetRef": {"kind": "Pod", "name": "orders-abc12-gone"}}
    world.objects["Endpoints"] = [
        e for e in world.objects["Endpoints"] if e["metadata"]["name"] != "orders"
    ]
    world.add("Endpoints", "orders", subsets=[{"addresses": [gone]}])
    assert first(reasoned(world, failing("web", "orders"))) == "orders service.selector_mismatch"


def test_a_workload_that_is_bound_to_a_node_that_is_not_there() -> None:
    world = shop()
    world.deployment("orders")["spec"]["template"]["spec"]["nodeName"] = "node-77"
    assert first(reasoned(world, failing("web", "orders"))) == "orders scheduling.node_selector"


def test_a_new_ingress_to_a_service_that_is_not_there() -> None:
    world = shop()
    for name, service, seconds in (("entry", "web", 90000), ("canary", "web-v2", 300)):
        backend = {"service": {"name": service, "port": {"number": 8080}}}
        rule = {
            "host": "shop.example.com",
            "http": {"paths": [{"path": f"/{name}", "backend": backend}]},
        }
        made = world.add("Ingress", name, spec={"rules": [rule]})
        made["metadata"]["creationTimestamp"] = ago(seconds)
    assert first(reasoned(world, [flow("web", rate=(5, 5))])) == "canary network.ingress_misroute"


def test_who_took_the_place_of_a_waiting_pod() -> None:
    world = shop()
    world.service("batch")
    pod = world.get("Pod", "batch-abc12-x1")
    pod["metadata"]["uid"] = "1b2c-77"
    pod["spec"] |= {"priority": 1000000, "priorityClassName": "urgent"}
    unschedulable(world, "orders", "0/1 nodes are available: 1 Insufficient cpu.")
    world.event("Pod", "orders-abc12-x0", "Preempted", "Preempted by pod 1b2c-77 on node node-1")
    report = reasoned(world, failing("web", "orders"))
    assert first(report) == "batch scheduling.preempted"
    assert "urgent" in {ref.name for ref in report.candidates[0].also}
    assert dig(pod, "spec.priority") == 1000000


def test_errors_that_come_in_bursts_go_on_while_it_is_quiet() -> None:
    world = shop()
    starts = [20.0 * n + 13 for n in range(15, -1, -1)]
    lines = [
        (s - 0.4 * k, "pq: password authentication failed for user app")
        for s in starts
        for k in range(9)
    ]
    world.log("orders", (4000, "INFO started"), *lines)
    found = [i for i in reasoned(world).case.issues if i.kind == "auth_failed"]
    assert found
    assert all(i.ongoing for i in found)
