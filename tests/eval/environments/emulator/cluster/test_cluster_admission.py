"""What the API server refuses or adds: limits, quotas, pod security, webhooks."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.eviction import evict
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.labels import Causes, check_metadata
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import Review
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    pod,
    service,
)
from tests.eval.environments.emulator.cluster.rich_programs import RichLab, rich_lab


@pytest.fixture
def rich() -> RichLab:
    return rich_lab()


def asking(**sections: Json) -> Json:
    return container(resources=sections)


def refused(lab: RichLab, body: Json) -> ApiError:
    with pytest.raises(ApiError) as caught:
        lab.cluster.create(body)
    return caught.value


def test_limit_ranges_fill_in_and_say_so(rich: RichLab) -> None:
    limits = [
        {
            "type": "Container",
            "default": {"cpu": "500m", "memory": "256Mi"},
            "defaultRequest": {"cpu": "100m"},
        }
    ]
    rich.cluster.create(plain("LimitRange", "lr", spec={"limits": limits}))
    rich.cluster.create(pod("p"))
    found = rich.get("Pod", "p")
    resources = found["spec"]["containers"][0]["resources"]
    assert resources["limits"] == {"cpu": "500m", "memory": "256Mi"}
    assert resources["requests"]["cpu"] == "100m"
    assert (
        "cpu, memory limit for container main"
        in (found["metadata"]["annotations"]["kubernetes.io/limit-ranger"])
    )


@pytest.mark.parametrize(
    ("rule", "sections", "words"),
    [
        (
            {"type": "Container", "max": {"memory": "1Gi"}},
            {"limits": {"memory": "2Gi"}},
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            {"type": "Container", "min": {"cpu": "100m"}},
            {"requests": {"cpu": "50m"}},
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}},
            {},
            "maximum cpu usage per Pod is 1.  No limit is specified",
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "400m"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
        ),
    ],
)
def test_limit_ranges_refuse(rich: RichLab, rule: Json, sections: Json, words: str) -> None:
    rich.cluster.create(plain("LimitRange", "lr", spec={"limits": [rule]}))
    error = refused(rich, pod("p", asking(**sections)))
    assert error.code == 403
    assert error.message == f'pods "p" is forbidden: {words}'


def test_a_replica_set_reports_the_refusal(rich: RichLab) -> None:
    rich.cluster.create(plain("ResourceQuota", "q", spec={"hard": {"pods": "1"}}))
    rich.cluster.create(deployment("web", replicas=2))
    rich.cluster.advance(30)
    assert len(rich.pods("web")) == 1
    assert any(
        text.startswith("Error creating: pods ")
        and text.endswith(
            "is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
        )
        for text in rich.said("FailedCreate")
    )


@pytest.mark.parametrize(
    ("scope", "first", "second"),
    [
        ("BestEffort", {}, {"requests": {"cpu": "1"}}),
        ("NotBestEffort", {"requests": {"cpu": "1"}}, {}),
    ],
)
def test_quotas_count_only_their_scope(
    rich: RichLab, scope: str, first: Json, second: Json
) -> None:
    rich.cluster.create(
        plain("ResourceQuota", "q", spec={"hard": {"pods": "1"}, "scopes": [scope]})
    )
    rich.cluster.create(pod("in", asking(**first)))
    rich.cluster.create(pod("out", asking(**second)))
    assert "exceeded quota: q" in refused(rich, pod("more", asking(**first))).message
    assert rich.get("ResourceQuota", "q")["status"]["used"] == {"pods": "1"}


def test_storage_quotas_count_bytes(rich: RichLab) -> None:
    hard = {
        "requests.storage": "5Gi",
        "standard.storageclass.storage.k8s.io/requests.storage": "3Gi",
    }
    rich.cluster.create(plain("ResourceQuota", "q", spec={"hard": hard}))
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"}
    small = {**spec, "resources": {"requests": {"storage": "2Gi"}}}
    rich.cluster.create(plain("PersistentVolumeClaim", "a", spec=small))
    error = refused(rich, plain("PersistentVolumeClaim", "b", spec=small))
    assert error.message.endswith(
        "requested: standard.storageclass.storage.k8s.io/requests.storage=2Gi, used:"
        " standard.storageclass.storage.k8s.io/requests.storage=2Gi, limited:"
        " standard.storageclass.storage.k8s.io/requests.storage=3Gi"
    )


def secure(lab: RichLab, level: str) -> None:
    found = clone(lab.get("Namespace", "shop", ""))
    found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = level
    lab.cluster.apply([found])


def test_pod_security_lists_everything(rich: RichLab) -> None:
    secure(rich, "restricted")
    rich.cluster.create(deployment("web"))
    rich.cluster.advance(5)
    assert not rich.pods("web")
    assert any(
        text.endswith(
            'is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation !='
            ' false (container "main" must set securityContext.allowPrivilegeEscalation=false),'
            ' unrestricted capabilities (container "main" must set'
            ' securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container'
            ' "main" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container'
            ' "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or'
            ' "Localhost")'
        )
        for text in rich.said("FailedCreate")
    )
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    rich.cluster.create(pod("good", container(securityContext=context)))
    assert rich.get("Pod", "good")["spec"]["nodeName"]


def test_baseline_forbids_what_reaches_the_host(rich: RichLab) -> None:
    secure(rich, "baseline")
    rich.cluster.create(pod("plain"))
    privileged = container(securityContext={"privileged": True})
    error = refused(rich, pod("p", privileged, hostPID=True))
    assert error.message == (
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces'
        ' (hostPID=true), privileged (container "main" must not set'
        " securityContext.privileged=true)"
    )


def test_an_unknown_priority_class_is_refused(rich: RichLab) -> None:
    error = refused(rich, pod("p", priorityClassName="urgent"))
    assert error.message == ('pods "p" is forbidden: no PriorityClass with name urgent was found')


BUNDLE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()


def hook(kind: str = "Validating", bundle: str = BUNDLE, **fields: Json) -> Json:
    webhook = {
        "name": "check.example.com",
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
            }
        ],
        "clientConfig": {
            "service": {"name": "hook", "namespace": "guard", "path": "/check", "port": 443},
            "caBundle": bundle,
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        **fields,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "guard"},
        "webhooks": [webhook],
    }


def guard(lab: RichLab, *, replicas: int = 1) -> None:
    lab.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guard"}})
    server = deployment("hook", replicas=replicas)
    front = service("hook")
    front["spec"]["ports"] = [{"port": 443, "targetPort": "http"}]
    for body in (server, front):
        body["metadata"]["namespace"] = "guard"
        lab.cluster.create(body)
    lab.cluster.advance(20)


PREFIX = (
    'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: '
)
URL = 'Post "https://hook.guard.svc:443/check?timeout=10s": '


def test_a_webhook_without_service_or_endpoints_fails_the_request(rich: RichLab) -> None:
    rich.cluster.create(hook())
    error = refused(rich, pod("p"))
    assert (error.code, error.reason) == (500, "InternalError")
    assert error.message == PREFIX + 'service "hook" not found'
    guard(rich, replicas=0)
    assert refused(rich, pod("p")).message == (
        PREFIX + URL + 'no endpoints available for service "hook"'
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("deaf", "dial tcp {ip}:443: connect: connection refused"),
        ("slow", "context deadline exceeded"),
        (
            "stranger",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
    ],
)
def test_a_webhook_that_does_not_answer_says_why(rich: RichLab, state: str, words: str) -> None:
    guard(rich)
    rich.cluster.create(hook(bundle="" if state == "stranger" else BUNDLE))
    if state == "slow":
        rich.programs.reviews["check.example.com"] = "timeout"
    if state == "deaf":
        front = clone(rich.get("Service", "hook", "guard"))
        front["spec"]["ports"][0]["targetPort"] = 9999
        rich.cluster.apply([front])
    address = rich.get("Service", "hook", "guard")["spec"]["clusterIP"]
    assert refused(rich, pod("p")).message == PREFIX + URL + words.format(ip=address)


def test_failure_policy_ignore_lets_the_request_pass(rich: RichLab) -> None:
    rich.cluster.create(hook(failurePolicy="Ignore"))
    rich.cluster.create(pod("p"))
    assert rich.get("Pod", "p")


def test_webhooks_deny_and_change(rich: RichLab) -> None:
    guard(rich)
    rich.programs.reviews["check.example.com"] = Review(allowed=False, message="not today")
    rich.cluster.create(hook())
    assert refused(rich, pod("p")).message == (
        'admission webhook "check.example.com" denied the request: not today'
    )
    rich.cluster.world.store.remove("ValidatingWebhookConfiguration", ("", "guard"))
    changed = pod("p", asking(limits={"memory": "4Mi"}))
    rich.programs.reviews["check.example.com"] = Review(obj=changed)
    rich.cluster.create(hook("Mutating"))
    rich.cluster.create(pod("p"))
    spec = rich.get("Pod", "p")["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"memory": "4Mi"}


def test_other_namespaces_do_not_call_the_webhook(rich: RichLab) -> None:
    rich.cluster.create(hook())
    other = pod("p")
    other["metadata"]["namespace"] = "default"
    rich.cluster.create(other)
    assert rich.get("Pod", "p", "default")


def test_webhooks_are_asked_about_updates_and_deletions_but_not_evictions(rich: RichLab) -> None:
    guard(rich)
    rich.cluster.create(pod("p"))
    rich.cluster.create(plain("ConfigMap", "c", data={"a": "1"}))
    rules = [
        {
            "operations": ["UPDATE", "DELETE"],
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["pods", "configmaps"],
        }
    ]
    rich.programs.reviews["check.example.com"] = Review(allowed=False, message="frozen")
    rich.cluster.create(hook(rules=rules))
    registry, pods, maps = rich.cluster.world.registry, BY_KIND["Pod"], BY_KIND["ConfigMap"]
    changed = clone(rich.get("ConfigMap", "c"))
    changed["data"]["a"] = "2"
    said = 'admission webhook "check.example.com" denied the request: frozen'
    with pytest.raises(ApiError, match=said):
        registry.update(maps, changed)
    with pytest.raises(ApiError, match=said):
        registry.update(maps, changed, dry_run=True)
    with pytest.raises(ApiError, match=said):
        registry.delete(pods, "shop", "p")
    registry.update(pods, clone(rich.get("Pod", "p")), subresource="status")
    assert evict(rich.cluster.world, rich.get("Pod", "p"), {}, dry_run=False)["status"] == "Success"
    assert "deletionTimestamp" in rich.get("Pod", "p")["metadata"]


def test_an_update_is_stored_as_the_webhook_leaves_it(rich: RichLab) -> None:
    guard(rich)
    rich.cluster.create(plain("ConfigMap", "c", data={"a": "1"}))
    stamped = clone(rich.get("ConfigMap", "c"))
    stamped["data"] = {"a": "2", "stamp": "yes"}
    rich.programs.reviews["check.example.com"] = Review(obj=stamped)
    rule = {
        "operations": ["UPDATE"],
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "resources": ["*"],
        "scope": "Namespaced",
    }
    rich.cluster.create(hook("Mutating", rules=[rule]))
    rich.cluster.world.registry.update(BY_KIND["ConfigMap"], clone(rich.get("ConfigMap", "c")))
    assert rich.get("ConfigMap", "c")["data"] == {"a": "2", "stamp": "yes"}


def test_what_fails_before_a_name_is_made_shows_only_its_beginning(rich: RichLab) -> None:
    body = deployment("web", pod={"serviceAccountName": "nobody"})
    rich.cluster.create(body)
    rich.cluster.advance(120)
    (event,) = rich.events("FailedCreate")
    owner = event["involvedObject"]["name"]
    assert event["count"] > 3
    assert event["message"] == (
        f'Error creating: pods "{owner}-" is forbidden: error looking up service account'
        ' shop/nobody: serviceaccount "nobody" not found'
    )


@pytest.mark.parametrize(
    ("labels", "notes", "words"),
    [
        (
            {"bad/key/x": "1"},
            {},
            r'metadata\.labels: Invalid value: "bad/key/x": a qualified name must',
        ),
        ({"/x": "1"}, {}, "prefix part must be non-empty"),
        ({"Bad_/x": "1"}, {}, "prefix part a lowercase RFC 1123 subdomain"),
        ({"a/": "1"}, {}, "name part must be non-empty"),
        ({"x" * 64: "1"}, {}, "name part must be no more than 63 characters"),
        ({"x": "a b"}, {}, "a valid label must be an empty string or consist of"),
        ({"x": "a" * 64}, {}, "must be no more than 63 characters"),
        ({}, {"a//b": ""}, r'metadata\.annotations: Invalid value: "a//b": a qualified name'),
        ({}, {"a": "x" * 262145}, "Too long: must have at most 262144 bytes"),
    ],
)
def test_labels_and_annotations_have_a_form(
    rich: RichLab, labels: Json, notes: Json, words: str
) -> None:
    body = plain("ConfigMap", "c")
    body["metadata"].update({"labels": labels, "annotations": notes})
    error = refused(rich, body)
    assert error.code == 422
    assert re.search(words, error.message)


@given(
    st.from_regex(r"\A([a-z]{1,9}\.[a-z]{1,9}/)?[A-Za-z0-9]([-\w.]{0,20}[A-Za-z0-9])?\Z").filter(
        str.isascii
    ),
    st.from_regex(r"\A([A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?)?\Z"),
)
def test_good_labels_pass(key: str, value: str) -> None:
    causes: Causes = []
    check_metadata({"labels": {key: value}, "annotations": {key: value}}, "metadata", causes)
    assert not causes


def test_what_is_wrong_with_a_port_is_said_in_order(rich: RichLab) -> None:
    body = service("s", ports=[{"port": 99999}, {"port": 80}])
    causes = refused(rich, body).details["causes"]
    assert [cause["field"] for cause in causes] == [
        "spec.ports[0].name",
        "spec.ports[0].port",
        "spec.ports[0].targetPort",
        "spec.ports[1].name",
    ]
