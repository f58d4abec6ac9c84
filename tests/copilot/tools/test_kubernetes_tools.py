from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.api.errors import SourceForbidden, SourceUnreachable
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools.context import Limits
from tests.copilot.tools.worlds import (
    Cluster,
    app,
    container,
    deployment,
    event,
    meta,
    pod,
    replica_set,
    service,
    stamp,
    told,
    toolbox,
)

CRASH = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
ENDED = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": stamp(2)}}


def crashing(name: str = "cart") -> list[dict[str, Any]]:
    sick = pod(f"{name}-1-aaaaa", name, ready=False, state=CRASH, lastState=ENDED, restartCount=7)
    return [deployment(name, ready=0), replica_set(name), sick, service(name)]


async def test_the_overview_shows_what_is_wrong_first() -> None:
    text = await told(toolbox(Cluster([*app("store"), *crashing()])), "list_resources")
    assert "2 Deployment (1 healthy), 2 Pod (1 healthy), 2 Service (1 healthy)" in text
    assert "Deployment cart: 0/1 ready" in text
    assert "last ended: OOMKilled, exit code 137, 2m ago" in text
    assert "Service cart" in text
    assert "none of its 1 pods is ready" in text
    assert "store" not in text


async def test_a_listing_takes_any_spelling_and_puts_the_sick_first() -> None:
    box = toolbox(Cluster([*app("aaa"), *crashing()]))
    for kind in ("po", "pods", "Pod", "POD"):
        lines = (await told(box, "list_resources", kind=kind)).splitlines()
        assert lines[0] == "2 Pod in namespace shop, 1 with problems"
        assert lines[1].startswith("cart-1-aaaaa: CrashLoopBackOff, not ready, 7 restarts")
    assert "There is no Ingress in namespace shop." in await told(box, "list_resources", kind="ing")
    none = await told(box, "list_resources", kind="Ingress", labels="app=x")
    assert "There is no Ingress with the labels app=x in namespace shop." in none
    with pytest.raises(CorrectYourCall, match="does not serve the kind Gadget"):
        await told(box, "list_resources", kind="Gadget")


async def test_nodes_tell_of_conditions_taints_and_cordons() -> None:
    node = {
        "kind": "Node",
        "metadata": {"name": "n1", "creationTimestamp": stamp(99)},
        "spec": {
            "unschedulable": True,
            "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}],
        },
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": "kubelet gone"}]},
    }
    text = await told(toolbox(Cluster([node])), "list_resources", kind="nodes")
    assert "Ready=False: kubelet gone | cordoned | taint gpu=yes:NoSchedule" in text


async def test_unseen_pods_are_not_taken_for_absent_ones() -> None:
    cluster = Cluster(app("cart"), broken={"Pod": SourceForbidden("403")})
    text = await told(toolbox(cluster), "list_resources")
    assert "matches no pod" not in text
    assert "caveat: Pods not seen: Forbidden, which does not mean absent" in text


async def test_nothing_is_claimed_when_nothing_answers() -> None:
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Service")
    cluster = Cluster(broken=dict.fromkeys(kinds, SourceUnreachable("no route to host")))
    with pytest.raises(NotAvailable, match="no route to host"):
        await told(toolbox(cluster), "list_resources")


async def test_describe_masks_secrets_and_drops_noise() -> None:
    item = deployment("cart")
    item["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    item["spec"]["template"]["spec"]["containers"] = [
        container(
            env=[{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}],
            args=["--api-key", "abcdef123", "--mode", "fast"],
        )
    ]
    objects = [item, replica_set("cart"), pod("cart-1-aaaaa", "cart", ready=False)]
    objects.append(event("BackOff", "Deployment/cart", "back-off", count=3))
    result = await toolbox(Cluster(objects)).call(
        "describe_resource", {"kind": "deploy", "name": "deployment/cart"}
    )
    text = result.text
    assert "hunter2" not in text
    assert "abcdef123" not in text
    assert "managedFields" not in text
    assert "value: fast" in text
    assert "Pods (1):\n  cart-1-aaaaa: Running, not ready" in text
    assert "Warning BackOff Deployment/cart (3×" in text
    assert result.evidence[0].query == "kubectl -n shop get deployment cart -o yaml"


async def test_describe_names_what_there_is() -> None:
    box = toolbox(Cluster(app("cart")))
    with pytest.raises(CorrectYourCall, match=r'no Deployment "kart".*Did you mean: cart\?'):
        await told(box, "describe_resource", kind="Deployment", name="kart")
    with pytest.raises(CorrectYourCall, match="Did you mean: cart-1-aaaaa"):
        await told(box, "describe_resource", kind="Pod", name="crt")


async def test_events_are_grouped_over_pods_and_warnings_come_first() -> None:
    cluster = Cluster(
        [
            event("Started", "Pod/cart-7d9f8b6c5-x2x4z", "Started container", type="Normal", age=1),
            event("Unhealthy", "Pod/cart-7d9f8b6c5-x2x4z", "probe 10.0.0.1 failed", count=4),
            event("Unhealthy", "Pod/cart-7d9f8b6c5-abcde", "probe 10.0.0.2 failed", age=2),
        ]
    )
    box = toolbox(cluster)
    lines = (await told(box, "get_events")).splitlines()
    assert lines[0] == (
        "Warning Unhealthy Pod/cart-7d9f8b6c5-abcde and 1 more"
        " (5×, first 10m ago, last 2m ago): probe 10.0.0.2 failed"
    )
    assert lines[1].startswith("Normal  Started")
    assert "Started" not in await told(box, "get_events", warnings_only=True)
    nothing = await told(box, "get_events", object="store", since_minutes=3)
    assert "No matching events in namespace shop about objects named store" in nothing
    assert "keeps 3 events there, 2 of them warnings" in nothing


async def test_logs_of_a_crashing_pod_include_the_run_before() -> None:
    cluster = Cluster(
        crashing(),
        log_texts={
            "cart-1-aaaaa": f"{stamp(1)} starting",
            "cart-1-aaaaa/main/previous": f"{stamp(3)} FATAL no database, password=hunter2",
        },
    )
    result = await toolbox(cluster).call("get_logs", {"service": "cart"})
    assert "[fatal] cart-1-aaaaa (previous run)" in result.text
    assert "hunter2" not in result.evidence[0].text
    assert result.evidence[0].source is Source.LOGS
    assert result.evidence[0].excerpt.startswith("1× [fatal]")
    assert result.evidence[0].query.startswith("kubectl -n shop logs pod/cart-1-aaaaa")


async def test_logs_say_what_could_not_be_read() -> None:
    cluster = Cluster([deployment("cart"), replica_set("cart")])
    cluster.objects += [pod(f"cart-1-{letter * 5}", "cart") for letter in "abc"]
    cluster.log_texts = {"cart-1-aaaaa": f"{stamp(1)} ERROR x", "cart-1-bbbbb": f"{stamp(1)} ok"}
    result = await toolbox(cluster).call("get_logs", {"service": "cart"})
    assert "containers read: 2" in result.text
    assert result.caveats == ("cart-1-ccccc has no log: container is waiting: cart-1-ccccc",)
    few = await toolbox(cluster, Limits(log_reads=1)).call("get_logs", {"service": "cart"})
    assert few.caveats[-1].startswith("not read, as too many at once: cart-1-bbbbb, cart-1-ccccc")
    cluster.broken["logs"] = SourceUnreachable("kubelet gone")
    with pytest.raises(NotAvailable, match=r"No log could be read: .*kubelet gone"):
        await told(toolbox(cluster), "get_logs", service="cart")


async def test_logs_can_be_searched() -> None:
    cluster = Cluster(app("cart"), log_texts={"cart-1-aaaaa": "one\nTWO\nthree"})
    box = toolbox(cluster)
    assert "1 of 3 lines match /two/" in await told(box, "get_logs", service="cart", grep="two")
    with pytest.raises(CorrectYourCall, match="grep is not a regular expression"):
        await told(box, "get_logs", service="cart", grep="(")
    with pytest.raises(CorrectYourCall, match=r'no container "sidecar"; it has: main'):
        await told(box, "get_logs", service="cart", container="sidecar")


async def test_a_service_without_pods_has_no_log_but_a_reason() -> None:
    cluster = Cluster([deployment("cart", replicas=0, ready=0), service("cart")])
    text = await told(toolbox(cluster), "get_logs", service="cart")
    assert "no pods, so there is no log. Deployment/shop/cart asks for 0 replicas" in text


@pytest.mark.parametrize(
    "name", ["cart", "svc/cart", "deployment/cart", "cart-1-aaaaa", "pod/cart-1-aaaaa", "cart:80"]
)
async def test_a_service_is_found_by_every_name_it_has(name: str) -> None:
    cluster = Cluster(app("cart"), log_texts={"cart-1-aaaaa": "hello"})
    assert "hello" in await told(toolbox(cluster), "get_logs", service=name)


async def test_an_app_label_finds_pods_without_service_or_workload() -> None:
    lonely = pod("x-1", "x")
    lonely["metadata"]["labels"] = {"io.kompose.service": "geo"}
    cluster = Cluster([lonely], log_texts={"x-1": "hello"})
    assert "hello" in await told(toolbox(cluster), "get_logs", service="geo")


async def test_changes_tell_what_differs_between_revisions() -> None:
    old = container(image="app:1", env=[{"name": "URL", "value": "http://a"}])
    new = container(
        image="app:2",
        env=[{"name": "URL", "value": "http://b"}, {"name": "TOKEN", "value": "s3cret"}],
    )
    cluster = Cluster(
        [
            deployment("cart"),
            replica_set("cart", 1, 300, containers=[old]),
            replica_set("cart", 2, 9, containers=[new], nodeSelector={"disk": "ssd"}),
            event("ScalingReplicaSet", "Deployment/cart", "Scaled up replica set cart-2", age=9),
            event("ScalingReplicaSet", "Deployment/store", "Scaled down replica set to 0", age=4),
        ]
    )
    result = await toolbox(cluster).call("get_changes", {})
    lines = result.text.splitlines()
    assert lines[0].startswith("02:56:00 (4m ago) Deployment shop/store: Scaled down")
    assert re.match(
        r"02:51:00 \(9m ago\) Deployment shop/cart: rolled out revision 2: main: image: app:1 → app:2;"
        r" main: env TOKEN: unset → \[redacted:token:\w{4}\];"
        r" main: env URL: http://a → http://b; nodeSelector: unset → \{'disk': 'ssd'\}",
        lines[1],
    )
    assert "Scaled up" not in result.text
    assert result.evidence[0].source is Source.CHANGES


async def test_changes_tell_who_wrote_a_service_and_when() -> None:
    item = service("cart")
    item["metadata"]["managedFields"] = [
        {"manager": "kubectl-patch", "time": stamp(6), "fieldsV1": {"f:spec": {"f:ports": {}}}},
        {"manager": "controller", "time": stamp(5), "fieldsV1": {"f:status": {"f:x": {}}}},
    ]
    text = await told(toolbox(Cluster([item])), "get_changes", service="cart")
    assert (
        "02:54:00 (6m ago) Service shop/cart: written by kubectl-patch, which owns spec.ports"
        in text
    )
    assert "controller" not in text
    quiet = await told(toolbox(Cluster(app("cart"))), "get_changes")
    assert "No change is recorded in shop since 02:00:00; the last change before that" in quiet


async def test_a_roll_back_is_dated_by_the_deployment_not_by_the_old_replica_set() -> None:
    item = deployment("cart")
    item["status"]["conditions"] = [
        {"type": "Progressing", "status": "True", "lastUpdateTime": stamp(3)}
    ]
    sets = [replica_set("cart", 2, 20), replica_set("cart", 3, 300, hostNetwork=True)]
    text = await told(toolbox(Cluster([item, *sets])), "get_changes")
    assert text.startswith("02:57:00 (3m ago) Deployment shop/cart: rolled out revision 3")


async def test_topology_comes_from_configuration() -> None:
    front = deployment(
        "front",
        containers=[
            container(
                env=[{"name": "CART", "value": "cart:80"}, {"name": "PAY", "value": "pey:50051"}],
                envFrom=[{"configMapRef": {"name": "hosts"}}],
                args=["--geo=http://geo.shop.svc.cluster.local:8080/"],
            )
        ],
    )
    hosts = {"kind": "ConfigMap", "metadata": meta("hosts"), "data": {"db": "tcp://store.shop:1"}}
    down = [deployment("geo", ready=0), service("geo")]
    objects = [front, hosts, *app("cart"), *app("store"), *down]
    text = await told(toolbox(Cluster(objects)), "get_topology")
    assert "3 dependencies in namespace shop" in text
    assert "front → cart (env CART), geo (args), store (ConfigMap hosts db)" in text
    assert "UNHEALTHY geo: 0 of 1 replicas ready (called by 1)" in text
    assert "Addresses that name no Service here: front (env PAY=pey:50051)" in text
    cluster = Cluster([*app("web"), *app("cart"), *app("redis-cart")])
    cluster.log_texts = {"web-1-aaaaa": f"{stamp(9)} INF cart address: cart.shop:8080"}
    text = await told(toolbox(cluster), "get_topology")
    assert "web → cart (address in its log)" in text
    assert "cart → redis-cart (only by its name)" in text
    only = await told(toolbox(Cluster(objects)), "get_topology", service="store")
    assert "front → store" in only
    assert "cart" not in only.partition("[ev-")[0]
