"""The official asyncio client against the emulated API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eval.environments.emulator.cluster.objects import condition
from eval.environments.emulator.seams import Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    service,
)
from tests.eval.environments.emulator.cluster.conftest import Lab


@pytest.fixture
async def client(served: Lab, tmp_path: Path) -> AsyncIterator[Any]:
    from kubernetes.aio import client as aio
    from kubernetes.aio import config

    configuration = aio.Configuration()
    await config.load_kube_config(
        config_file=str(tmp_path / "admin"), client_configuration=configuration
    )
    async with aio.ApiClient(configuration) as found:
        yield found


@pytest.fixture
async def viewer(served: Lab, tmp_path: Path) -> AsyncIterator[Any]:
    from kubernetes.aio import client as aio
    from kubernetes.aio import config

    configuration = aio.Configuration()
    await config.load_kube_config(
        config_file=str(tmp_path / "viewer"), client_configuration=configuration
    )
    async with aio.ApiClient(configuration) as found:
        yield found


async def failure(call: Any) -> tuple[int, dict[str, Any]]:
    from kubernetes.aio.client import ApiException

    with pytest.raises(ApiException) as caught:
        await call
    return caught.value.status, json.loads(caught.value.body)


async def test_typed_create_read_scale_and_delete(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import AppsV1Api, CoreV1Api

    apps, core = AppsV1Api(client), CoreV1Api(client)
    created = await apps.create_namespaced_deployment("shop", deployment("web", replicas=2))
    assert created.spec.strategy.rolling_update.max_surge == "25%"
    served.cluster.advance(30)
    found = await apps.read_namespaced_deployment("web", "shop")
    assert found.status.available_replicas == 2
    pods = await core.list_namespaced_pod("shop", label_selector="app=web")
    assert {pod.status.phase for pod in pods.items} == {"Running"}
    await apps.patch_namespaced_deployment_scale("web", "shop", {"spec": {"replicas": 3}})
    scale = await apps.read_namespaced_deployment_scale("web", "shop")
    assert scale.spec.replicas == 3 and scale.status.selector == "app=web"
    status = await apps.delete_namespaced_deployment("web", "shop")
    assert status["status"] == "Success" and status["details"]["kind"] == "deployments"
    served.cluster.advance(10)
    pods = await core.list_namespaced_pod("shop", label_selector="app=web")
    assert not pods.items


async def test_selectors_and_pages(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)
    for number in range(7):
        body = plain("ConfigMap", f"c{number}", data={"n": str(number)})
        body["metadata"]["labels"] = {"odd": str(number % 2)}
        await core.create_namespaced_config_map("shop", body)
    odd = await core.list_namespaced_config_map("shop", label_selector="odd=1")
    assert [item.metadata.name for item in odd.items] == ["c1", "c3", "c5"]
    one = await core.list_namespaced_config_map("shop", field_selector="metadata.name=c4")
    assert [item.metadata.name for item in one.items] == ["c4"]
    names, token, pages = [], None, 0
    while pages == 0 or token:
        page = await core.list_namespaced_config_map("shop", limit=3, _continue=token)
        names += [item.metadata.name for item in page.items]
        token, pages = page.metadata._continue, pages + 1
    assert pages == 3 and names == [f"c{number}" for number in range(7)] + ["kube-root-ca.crt"]


async def test_every_patch_type_and_dry_run(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)
    await core.create_namespaced_service("shop", service("web", 8080))

    async def patch(body: Any, kind: str, **more: Any) -> Any:
        return await core.patch_namespaced_service(
            "web", "shop", body, _content_type=f"application/{kind}+json", **more
        )

    strategic = {"spec": {"ports": [{"port": 80, "targetPort": 9999}]}}
    dry = await patch(strategic, "strategic-merge-patch", dry_run="All")
    assert dry.spec.ports[0].target_port == 9999
    kept = await core.read_namespaced_service("web", "shop")
    assert kept.spec.ports[0].target_port == 8080
    assert kept.spec.cluster_ip.startswith("10.")
    done = await patch(strategic, "strategic-merge-patch")
    assert done.spec.ports[0].target_port == 9999
    done = await patch({"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}, "merge-patch")
    assert done.spec.ports[0].target_port == "http"
    operation = {"op": "replace", "path": "/spec/ports/0/targetPort", "value": 7}
    done = await patch([operation], "json-patch")
    assert done.spec.ports[0].target_port == 7
    code, status = await failure(patch([{"op": "remove", "path": "/spec/nothing"}], "json-patch"))
    assert (code, status["reason"]) == (422, "Invalid")


async def test_refusals_carry_real_status_bodies(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import AppsV1Api, CoreV1Api

    apps, core = AppsV1Api(client), CoreV1Api(client)
    code, status = await failure(core.read_namespaced_pod("nope", "shop"))
    assert code == 404
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "kind": "pods"},
        "code": 404,
    }
    await core.create_namespaced_config_map("shop", plain("ConfigMap", "c"))
    code, status = await failure(core.create_namespaced_config_map("shop", plain("ConfigMap", "c")))
    assert (code, status["message"]) == (409, 'configmaps "c" already exists')
    stale = await core.read_namespaced_config_map("c", "shop")
    await core.patch_namespaced_config_map("c", "shop", {"data": {"a": "1"}})
    stale.data = {"a": "2"}
    code, status = await failure(core.replace_namespaced_config_map("c", "shop", stale))
    assert (code, status["reason"]) == (409, "Conflict")
    assert "please apply your changes to the latest version" in status["message"]
    bad = deployment("web")
    bad["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    bad["spec"]["template"]["spec"]["containers"][0].pop("image")
    code, status = await failure(apps.create_namespaced_deployment("shop", bad))
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"].startswith('Deployment.apps "web" is invalid: [')
    assert {cause["field"] for cause in status["details"]["causes"]} == {
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
    }
    code, _ = await failure(core.create_namespaced_config_map("gone", plain("ConfigMap", "c")))
    assert code in (400, 404)
    await core.create_namespaced_service("shop", service("odd"))
    wrong = {"spec": {"ports": "eighty"}}
    code, status = await failure(
        core.patch_namespaced_service(
            "odd", "shop", wrong, _content_type="application/merge-patch+json"
        )
    )
    assert (code, status["reason"]) == (400, "BadRequest")
    code, status = await failure(core.list_namespaced_pod("shop", label_selector="= ="))
    assert (code, status["reason"]) == (400, "BadRequest")


async def test_the_viewer_reads_everything_but_secrets(served: Lab, viewer: Any) -> None:
    from kubernetes.aio.client import AuthorizationV1Api, CoreV1Api

    core = CoreV1Api(viewer)
    await core.list_namespaced_pod("shop")
    code, status = await failure(core.list_namespaced_secret("shop"))
    assert code == 403
    assert status["message"] == (
        'secrets is forbidden: User "viewer" cannot list resource "secrets" in API group ""'
        ' in the namespace "shop"'
    )
    code, status = await failure(core.delete_namespaced_config_map("kube-root-ca.crt", "shop"))
    assert (code, status["details"]) == (403, {"name": "kube-root-ca.crt", "kind": "configmaps"})

    async def may(verb: str, resource: str) -> bool:
        attributes = {"namespace": "shop", "verb": verb, "resource": resource}
        review = await AuthorizationV1Api(viewer).create_self_subject_access_review(
            {"spec": {"resourceAttributes": attributes}}
        )
        return bool(review.status.allowed)

    assert await may("list", "pods")
    assert not await may("list", "secrets")
    assert not await may("patch", "services")


async def test_a_wrong_token_is_unauthorized(served: Lab) -> None:
    import aiohttp

    base = await served.cluster.serve()
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            async with session.get(f"{base}/api/v1/pods", headers=headers) as answer:
                assert answer.status == 401
                assert (await answer.json())["reason"] == "Unauthorized"
        async with session.get(f"{base}/version") as answer:
            assert (await answer.json())["gitVersion"].startswith("v1.33.")
        headers = {"Authorization": f"Bearer {served.cluster.tokens['admin']}"}
        async with session.get(f"{base}/apis/nope/v1/things", headers=headers) as answer:
            assert answer.status == 404


async def test_watches_tell_what_happens_from_a_version_on(served: Lab, client: Any) -> None:
    from kubernetes.aio import watch
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)
    served.cluster.create(deployment("web", replicas=2))
    start = (await core.list_namespaced_pod("shop")).metadata.resource_version
    seen: list[tuple[str, str]] = []

    async def look() -> None:
        async for event in watch.Watch().stream(
            core.list_namespaced_pod,
            "shop",
            label_selector="app=web",
            resource_version=start,
            timeout_seconds=10,
        ):
            seen.append((event["type"], event["object"].status.phase))
            if event["type"] == "DELETED":
                return

    task = asyncio.create_task(look())
    await asyncio.sleep(0.1)
    served.cluster.advance(20)
    await core.delete_namespaced_pod(served.pods("web")[0]["metadata"]["name"], "shop")
    served.cluster.advance(20)
    await asyncio.wait_for(task, 10)
    assert ("MODIFIED", "Running") in seen and ("ADDED", "Pending") in seen
    assert seen[-1][0] == "DELETED"


async def test_an_old_version_is_expired(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    store = served.cluster.world.store
    for number in range(store.log.maxlen or 0):
        store.edit("Namespace", ("", "shop"), lambda new, n=number: new.update(note=str(n)))
    code, status = await failure(
        CoreV1Api(client).list_namespaced_pod("shop", watch=True, resource_version="1001")
    )
    assert (code, status["reason"]) == (410, "Expired")


async def test_logs_by_run_tail_time_and_refusal(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)
    served.programs.runs["boom:1"] = Run(exits_after=2, exit_code=1, lines=((1, "boom"),))
    served.programs.missing.add("none:1")
    served.cluster.create(deployment("web"))
    served.cluster.create(deployment("bad", container("none:1")))
    served.cluster.create(deployment("crash", container("boom:1")))
    two = container("app:1", name="side")
    served.cluster.create(deployment("pair", container(), two))
    served.cluster.advance(60)
    web = served.pod("web")
    for number in range(5):
        served.cluster.log(web, "main", f"line {number}")
        served.cluster.advance(10)
    name = web["metadata"]["name"]

    async def log(pod: str, **options: Any) -> str:
        return str(await core.read_namespaced_pod_log(pod, "shop", **options))

    assert (await log(name)).splitlines()[0] == "listening on 8080"
    assert (await log(name, tail_lines=2)).splitlines() == ["line 3", "line 4"]
    assert (await log(name, since_seconds=25)).splitlines() == ["line 3", "line 4"]
    stamped = await log(name, tail_lines=1, timestamps=True)
    assert stamped == "2026-01-05T09:01:40.000000000Z line 4\n"

    async def refused(app: str, **options: Any) -> str:
        pod = served.pod(app)["metadata"]["name"]
        code, status = await failure(core.read_namespaced_pod_log(pod, "shop", **options))
        assert (code, status["reason"]) == (400, "BadRequest")
        return str(status["message"]).replace(pod, "POD")

    assert await refused("bad") == (
        'container "main" in pod "POD" is waiting to start: trying and failing to pull image'
    )
    assert await refused("web", previous=True) == (
        'previous terminated container "main" in pod "POD" not found'
    )
    assert await refused("web", container="x") == "container x is not valid for pod POD"
    assert await refused("pair") == (
        "a container name must be specified for pod POD, choose one of: [main side]"
    )
    crash = served.pod("crash")["metadata"]["name"]
    assert await log(crash, previous=True) == "boom\n"
    served.cluster.create(
        plain("Pod", "far", spec={"nodeSelector": {"a": "b"}, "containers": [container()]})
    )
    assert await log("far") == ""


async def test_events_are_the_same_in_both_groups(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api, EventsV1Api

    served.cluster.create(deployment("web"))
    served.cluster.advance(20)
    old = (await CoreV1Api(client).list_namespaced_event("shop")).items
    # the typed client refuses the null eventTime that real API servers send here
    answer = await EventsV1Api(client).list_namespaced_event_without_preload_content("shop")
    new = json.loads(await answer.read())["items"]
    assert {e.message for e in old} == {e["note"] for e in new} and old
    field = "involvedObject.kind=Pod,reason=Started"
    (started,) = (await CoreV1Api(client).list_namespaced_event("shop", field_selector=field)).items
    assert started.source.component == "kubelet" and started.count == 1


async def test_eviction_and_collections(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)
    served.cluster.create(deployment("web", replicas=3))
    served.cluster.advance(20)
    name = served.pods("web")[0]["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    dry = {"dryRun": ["All"]}
    await core.create_namespaced_pod_eviction(name, "shop", {**body, "deleteOptions": dry})
    assert "deletionTimestamp" not in served.get("Pod", name)["metadata"]
    await core.create_namespaced_pod_eviction(name, "shop", body)
    evicted = served.get("Pod", name)
    assert "deletionTimestamp" in evicted["metadata"]
    found = condition(evicted, "DisruptionTarget")
    assert found is not None
    assert (found["reason"], found["message"]) == (
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
    )
    served.cluster.advance(20)
    assert name not in {pod["metadata"]["name"] for pod in served.pods("web")}
    assert len(served.pods("web")) == 3
    await core.delete_collection_namespaced_event("shop")
    assert not served.cluster.objects("Event", "shop")


async def test_server_side_apply_removes_what_is_applied_no_more(served: Lab, client: Any) -> None:
    from kubernetes.aio.client import CoreV1Api

    core = CoreV1Api(client)

    async def apply(data: dict[str, str]) -> Any:
        return await core.patch_namespaced_config_map(
            "c",
            "shop",
            {"apiVersion": "v1", "kind": "ConfigMap", "data": data},
            field_manager="tester",
            _content_type="application/apply-patch+yaml",
        )

    await apply({"a": "1", "b": "2"})
    await core.patch_namespaced_config_map("c", "shop", {"data": {"c": "3"}})
    after = await apply({"a": "9"})
    assert after.data == {"a": "9", "c": "3"}
    assert {(f.manager, f.operation) for f in after.metadata.managed_fields} >= {
        ("tester", "Apply")
    }
