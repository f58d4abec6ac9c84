"""Who may do what: RBAC, tokens, impersonation, evictions and old versions, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import Used
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    START,
    FakePrograms,
    deployment,
    plain,
)
from tests.eval.environments.emulator.cluster.conftest import Lab

Call = Callable[..., Awaitable[tuple[int, Any]]]
RBAC = "rbac.authorization.k8s.io/v1"


async def _caller(cluster: EmulatedCluster) -> AsyncIterator[Call]:
    base = await cluster.serve()
    async with aiohttp.ClientSession() as session:

        async def call(
            method: str, path: str, body: Json | None = None, *, token: str = "", **headers: str
        ) -> tuple[int, Any]:
            sent = {
                "Authorization": f"Bearer {token or cluster.tokens['admin']}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            }
            async with session.request(method, base + path, json=body, headers=sent) as answer:
                return answer.status, await answer.json(content_type=None)

        yield call


@pytest.fixture
async def call(served: Lab) -> AsyncIterator[Call]:
    async for found in _caller(served.cluster):
        yield found


@pytest.fixture
async def old() -> AsyncIterator[tuple[EmulatedCluster, Call]]:
    cluster = EmulatedCluster(FakePrograms(), start=START, version="1.20")
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    async for found in _caller(cluster):
        yield cluster, found
    await cluster.close()


def grant(lab: Lab) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    lab.cluster.create(plain("ServiceAccount", "robot"))
    lab.cluster.create(plain("Role", "reader", RBAC, rules=rules))
    subjects = [{"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}]
    lab.cluster.create(plain("RoleBinding", "reads", RBAC, roleRef=role, subjects=subjects))


async def test_a_service_account_may_what_its_role_says(served: Lab, call: Call) -> None:
    grant(served)
    path = "/api/v1/namespaces/shop/serviceaccounts/robot/token"
    code, answer = await call("POST", path, {"spec": {"expirationSeconds": 600}})
    assert code == 201
    token = answer["status"]["token"]
    assert token.count(".") == 2
    assert (await call("GET", "/api/v1/namespaces/shop/pods", token=token))[0] == 200
    code, answer = await call("GET", "/api/v1/namespaces/shop/configmaps", token=token)
    assert (code, answer["message"]) == (
        403,
        'configmaps is forbidden: User "system:serviceaccount:shop:robot" cannot list resource'
        ' "configmaps" in API group "" in the namespace "shop"',
    )
    assert (await call("GET", "/api/v1/namespaces/default/pods", token=token))[0] == 403
    code, answer = await call(
        "POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}}
    )
    assert answer["status"]["user"]["username"] == "system:serviceaccount:shop:robot"
    served.cluster.advance(601)
    assert (await call("GET", "/api/v1/namespaces/shop/pods", token=token))[0] == 401
    assert (await call("GET", "/api/v1/namespaces/shop/pods", token=token + "x"))[0] == 401


async def test_impersonation_needs_the_right_and_changes_the_user(served: Lab, call: Call) -> None:
    grant(served)
    robot = "system:serviceaccount:shop:robot"
    path = "/api/v1/namespaces/shop/secrets"
    assert (await call("GET", path, Impersonate_User=robot))[0] == 403
    viewer = served.cluster.tokens["viewer"]
    code, answer = await call("GET", path, token=viewer, Impersonate_User="kubernetes-admin")
    assert code == 403 and 'cannot impersonate resource "users"' in answer["message"]
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    review["spec"]["resourceAttributes"]["namespace"] = "shop"
    code, answer = await call(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {**review["spec"], "user": robot}},
    )
    assert answer["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "reads/shop" of Role "reader" to ServiceAccount'
        ' "robot/shop"',
    }


def role(name: str, *rules: Json, label: str = "") -> Json:
    labels = {"labels": {f"rbac.authorization.k8s.io/aggregate-to-{label}": "true"}}
    meta = {"name": name, **(labels if label else {})}
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": meta, "rules": list(rules)}


def bound(kind: str, name: str, user: str) -> Json:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return plain(kind, user, RBAC, roleRef=reference, subjects=[{"kind": "User", "name": user}])


async def test_new_roles_join_the_aggregated_ones_and_leave_them(served: Lab, call: Call) -> None:
    widgets = {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}
    served.cluster.create(bound("RoleBinding", "admin", "ann"))
    asked = {"user": "ann", "resourceAttributes": {"namespace": "shop", "verb": "get"}}
    asked["resourceAttributes"].update({"group": "example.com", "resource": "widgets"})
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    for present in (False, True, False):
        _, answer = await call("POST", path, {"spec": asked})
        assert answer["status"]["allowed"] is present
        rules = served.get("ClusterRole", "admin", "")["rules"]
        assert (widgets in rules) is present, "the way to admin goes over view and edit"
        if present:
            served.cluster.world.registry.delete(BY_KIND["ClusterRole"], "", "widget-reader")
            served.cluster.world.manager.settle()
        else:
            served.cluster.create(role("widget-reader", widgets, label="view"))
        served.cluster.advance(1)


async def test_rules_for_named_objects_subresources_and_paths(served: Lab, call: Call) -> None:
    named = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["c"]}
    served.cluster.create(
        role(
            "narrow",
            {**named, "verbs": ["get", "list"]},
            {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]},
            {"nonResourceURLs": ["/metrics", "/debug/*"], "verbs": ["get"]},
        )
    )
    served.cluster.create(bound("ClusterRoleBinding", "narrow", "ann"))
    for name in ("c", "d"):
        served.cluster.create(plain("ConfigMap", name))
    served.cluster.create(deployment("web"))
    maps, web = (
        "/api/v1/namespaces/shop/configmaps",
        "/apis/apps/v1/namespaces/shop/deployments/web",
    )

    async def code(path: str) -> int:
        return (await call("GET", path, Impersonate_User="ann"))[0]

    assert await code(f"{maps}/c") == 200 and await code(f"{maps}/d") == 403
    assert await code(maps) == 403
    assert await code(f"{maps}?fieldSelector=metadata.name%3Dc") == 200
    assert await code(f"{maps}?fieldSelector=metadata.name%3Dd") == 403
    assert await code(f"{web}/scale") == 200 and await code(web) == 403
    asked = {"user": "ann", "nonResourceAttributes": {"verb": "get"}}
    for path, allowed in (("/metrics", True), ("/debug/pprof", True), ("/metrics/x", False)):
        asked["nonResourceAttributes"]["path"] = path
        _, answer = await call(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": asked}
        )
        assert answer["status"]["allowed"] is allowed, path


async def test_an_eviction_respects_the_disruption_budget(served: Lab, call: Call) -> None:
    served.cluster.create(deployment("web", replicas=2))
    selector = {"matchLabels": {"app": "web"}}
    spec = {"minAvailable": 2, "selector": selector}
    served.cluster.create(plain("PodDisruptionBudget", "web", "policy/v1", spec=spec))
    served.cluster.advance(30)
    store = served.cluster.world.store
    name = served.pods("web")[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/shop/pods/{name}/eviction"
    budget = served.get("PodDisruptionBudget", "web")
    store.set_status(budget, {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2})
    code, answer = await call("POST", path, {"metadata": {"name": name}})
    assert (code, answer["reason"]) == (429, "TooManyRequests")
    assert answer["details"]["causes"][0]["message"] == (
        "The disruption budget web needs 2 healthy pods and has 2 currently"
    )
    assert store.get("Pod", "shop", name) is not None


async def test_strict_warned_and_ignored_fields(served: Lab, call: Call) -> None:
    body = deployment("web")
    body["spec"]["replicaz"] = 3
    path = "/apis/apps/v1/namespaces/shop/deployments"
    code, answer = await call("POST", f"{path}?fieldValidation=Strict", body)
    assert (code, answer["message"]) == (
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error:'
        ' unknown field "spec.replicaz"',
    )
    code, answer = await call("POST", path, body)
    assert code == 201 and "replicaz" not in answer["spec"]


async def test_a_definition_brings_a_group_and_takes_it_away(served: Lab, call: Call) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "services.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            # a kind that is also a built-in one
            "names": {"plural": "services", "kind": "Service"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {}}],
        },
    }
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    path = "/apis/example.com/v1/namespaces/shop/services"
    assert (await call("GET", path))[0] == 404
    assert (await call("POST", crds, definition))[0] == 201
    made = {"apiVersion": "example.com/v1", "kind": "Service", "metadata": {"name": "s"}}
    assert (await call("POST", path, {**made, "spec": {"any": [1]}}))[0] == 201
    _, listed = await call("GET", path)
    assert [item["spec"] for item in listed["items"]] == [{"any": [1]}]
    assert (await call("GET", "/api/v1/namespaces/shop/services"))[1]["items"] == []
    groups = {group["name"] for group in (await call("GET", "/apis"))[1]["groups"]}
    assert "example.com" in groups
    assert (await call("DELETE", f"{crds}/services.example.com"))[0] == 200
    assert (await call("GET", path))[0] == 404


async def test_the_old_version_hides_what_came_later(old: tuple[EmulatedCluster, Call]) -> None:
    cluster, call = old
    assert (await call("GET", "/version"))[1]["gitVersion"] == "v1.20.2"
    groups = {
        group["name"]: [v["version"] for v in group["versions"]]
        for group in (await call("GET", "/apis"))[1]["groups"]
    }
    assert groups["batch"] == ["v1", "v1beta1"] and groups["policy"] == ["v1beta1"]
    assert groups["autoscaling"] == ["v1", "v2beta1", "v2beta2"]
    for path in ("/openapi/v3", "/apis/autoscaling/v2", "/apis/policy/v1"):
        assert (await call("GET", path))[0] == 404
    cluster.create(deployment("web"))
    cluster.advance(20)
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
        "maxReplicas": 3,
        "targetCPUUtilizationPercentage": 55,
    }
    scaler = plain("HorizontalPodAutoscaler", "web", "autoscaling/v1", spec=spec)
    base = "/namespaces/shop/horizontalpodautoscalers"
    code, made = await call("POST", f"/apis/autoscaling/v1{base}", scaler)
    assert code == 201 and made["spec"]["targetCPUUtilizationPercentage"] == 55
    shown = (await call("GET", f"/apis/autoscaling/v2beta1{base}/web"))[1]
    assert shown["spec"]["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 55}}
    ]
    slices = "/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices"
    assert (await call("GET", slices))[0] == 200
    (pod,) = (await call("GET", "/api/v1/namespaces/shop/pods"))[1]["items"]
    (volume,) = pod["spec"]["volumes"]
    assert volume["secret"]["secretName"].startswith("default-token-")
    patch = {"metadata": {"labels": {"x": "y"}}}
    code, changed = await call(
        "PATCH",
        f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}",
        patch,
        Content_Type="application/merge-patch+json",
    )
    assert code == 200 and changed["metadata"]["labels"]["x"] == "y"


async def test_usage_is_served_when_the_programs_tell_it() -> None:
    class Metered(FakePrograms):
        def usage(self, pod: Json, container: str) -> Used:
            return Used(cores=0.25, memory=64 * 2**20)

    cluster = EmulatedCluster(Metered(), start=START)
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    cluster.create(deployment("web"))
    cluster.advance(30)
    async for call in _caller(cluster):
        path = "/apis/metrics.k8s.io/v1beta1"
        (pod,) = (await call("GET", f"{path}/namespaces/shop/pods"))[1]["items"]
        assert pod["containers"] == [
            {"name": "main", "usage": {"cpu": "250000000n", "memory": "65536Ki"}}
        ]
        assert len((await call("GET", f"{path}/nodes"))[1]["items"]) == 3
    await cluster.close()
