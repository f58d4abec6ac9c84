"""Names, policies and Services, as programs in pods experience them."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.network import corefile
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    service,
)
from tests.eval.environments.emulator.cluster.conftest import Lab, make_lab


def change(lab: Lab, kind: str, name: str, namespace: str, **fields: Json) -> None:
    lab.cluster.apply([{**lab.get(kind, name, namespace), **fields}])


@pytest.fixture
def two(lab: Lab) -> Lab:
    for name in ("web", "db"):
        lab.cluster.create(deployment(name))
        lab.cluster.create(service(name))
    lab.cluster.advance(30)
    return lab


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("db", ""),
        ("db.shop", ""),
        ("db.shop.svc.cluster.local", ""),
        ("kube-dns.kube-system", ""),
        ("10.1.2.3", ""),
        ("localhost", ""),
        ("example.com", ""),
        ("dbx", "no_such_host"),
        ("db.other", "no_such_host"),
        ("db.shop.svc.cluster.internal", "no_such_host"),
    ],
)
def test_names_resolve_by_the_search_path(two: Lab, name: str, reason: str) -> None:
    assert two.cluster.resolves(two.pod("web"), name) == reason


def test_without_dns_servers_every_name_times_out(two: Lab) -> None:
    coredns = two.get("Deployment", "coredns", "kube-system")
    change(two, "Deployment", "coredns", "kube-system", spec={**coredns["spec"], "replicas": 0})
    two.cluster.advance(60)
    assert two.cluster.resolves(two.pod("web"), "db") == "timeout"
    change(two, "Deployment", "coredns", "kube-system", spec={**coredns["spec"], "replicas": 2})
    two.cluster.advance(60)
    assert two.cluster.resolves(two.pod("web"), "db") == ""


def test_a_template_in_the_corefile_hides_a_name_once_it_is_mounted(two: Lab) -> None:
    text = two.get("ConfigMap", "coredns", "kube-system")["data"]["Corefile"]
    block = (
        "    template ANY ANY shop.svc.cluster.local {\n"
        "       match ^db\\.shop\\.svc\\.cluster\\.local\\.$\n       rcode NXDOMAIN\n    }\n    ready\n"
    )
    changed = text.replace("    ready\n", block)
    change(two, "ConfigMap", "coredns", "kube-system", data={"Corefile": changed})
    assert two.cluster.resolves(two.pod("web"), "db") == ""
    two.cluster.advance(100)
    assert two.cluster.resolves(two.pod("web"), "db") == "no_such_host"
    assert two.cluster.resolves(two.pod("web"), "web") == ""


def test_own_name_servers_do_not_know_the_cluster(lab: Lab) -> None:
    for name, server in (("a", "8.8.8.8"), ("b", "192.0.2.1"), ("c", "10.96.0.10")):
        spec = {"dnsPolicy": "None", "dnsConfig": {"nameservers": [server]}}
        lab.cluster.create(deployment(name, pod=spec))
    lab.cluster.create(service("a"))
    lab.cluster.advance(30)
    answers = {
        name: (
            lab.cluster.resolves(lab.pod(name), "a"),
            lab.cluster.resolves(lab.pod(name), "a.shop.svc.cluster.local"),
            lab.cluster.resolves(lab.pod(name), "example.com"),
        )
        for name in "abc"
    }
    assert answers == {
        "a": ("no_such_host", "no_such_host", ""),
        "b": ("timeout", "timeout", "timeout"),
        "c": ("no_such_host", "", ""),
    }


@pytest.mark.parametrize("policy", ["ClusterFirst", "Default", "None"])
def test_in_a_closed_network_nobody_can_say_that_a_name_does_not_exist(policy: str) -> None:
    lab = make_lab(upstream_dns=False)
    config = {"nameservers": ["8.8.8.8"]} if policy == "None" else {}
    lab.cluster.create(deployment("a", pod={"dnsPolicy": policy, "dnsConfig": config}))
    lab.cluster.create(service("db"))
    lab.cluster.advance(30)
    # a bare name that no search domain knows goes on to the nodes' name server, which is not there
    assert lab.cluster.resolves(lab.pod("a"), "dbx") == "server_misbehaving"
    known = lab.cluster.resolves(lab.pod("a"), "db")
    assert known == ("" if policy == "ClusterFirst" else "server_misbehaving")


def test_headless_and_external_names(two: Lab) -> None:
    external = {"type": "ExternalName", "externalName": "db.shop.svc.cluster.local"}
    two.cluster.create(plain("Service", "alias", spec=external))
    two.cluster.create(
        plain("Service", "nowhere", spec={"type": "ExternalName", "externalName": "db.invalid"})
    )
    headless = {"clusterIP": "None", "selector": {"app": "gone"}, "ports": [{"port": 80}]}
    two.cluster.create(plain("Service", "empty", spec=headless))
    web = two.pod("web")
    assert two.cluster.resolves(web, "alias") == ""
    assert two.cluster.resolves(web, "nowhere") == "no_such_host"
    assert two.cluster.resolves(web, "empty") == "no_such_host"
    (pair,) = two.cluster.reachable(web, "shop", "alias", 80) or ()
    assert pair == (two.pod("db"), 8080)


def test_a_broken_corefile_is_refused_in_corednss_words() -> None:
    with pytest.raises(corefile.CorefileError, match="Unknown directive 'forwrad'"):
        corefile.parse(".:53 {\n    forwrad . 8.8.8.8\n}\n")
    with pytest.raises(corefile.CorefileError, match="Unexpected EOF"):
        corefile.parse(".:53 {\n    ready\n")


def policy(name: str, **spec: Json) -> Json:
    return plain("NetworkPolicy", name, api="networking.k8s.io/v1", spec=spec)


def test_a_policy_isolates_what_it_selects_in_its_direction(two: Lab) -> None:
    web, db = two.pod("web"), two.pod("db")
    assert two.cluster.allowed(web, db, 8080)
    two.cluster.create(
        policy("deny", podSelector={"matchLabels": {"app": "db"}}, policyTypes=["Ingress"])
    )
    assert not two.cluster.allowed(web, db, 8080)
    assert not two.cluster.allowed(None, db, 8080)
    assert two.cluster.allowed(db, web, 8080)


@pytest.mark.parametrize(
    ("peer", "port", "passes"),
    [
        ({"podSelector": {"matchLabels": {"app": "web"}}}, 8080, True),
        ({"podSelector": {"matchLabels": {"app": "web"}}}, 8081, False),
        ({"podSelector": {"matchLabels": {"app": "other"}}}, 8080, False),
        ({"namespaceSelector": {}}, 8080, True),
        (
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
            8080,
            True,
        ),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, 8080, False),
        ({"ipBlock": {"cidr": "10.244.0.0/16"}}, 8080, True),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.244.0.0/14"]}}, 8080, False),
    ],
)
def test_ingress_rules_name_peers_and_ports(two: Lab, peer: Json, port: int, passes: bool) -> None:
    rule = {"from": [peer], "ports": [{"port": "http", "protocol": "TCP"}]}
    two.cluster.create(policy("p", podSelector={"matchLabels": {"app": "db"}}, ingress=[rule]))
    assert two.cluster.allowed(two.pod("web"), two.pod("db"), port) is passes


def test_an_egress_policy_cuts_off_dns_too(two: Lab) -> None:
    allowed = {"to": [{"podSelector": {}}]}
    two.cluster.create(policy("out", podSelector={}, policyTypes=["Egress"], egress=[allowed]))
    web = two.pod("web")
    assert two.cluster.allowed(web, two.pod("db"), 8080)
    assert two.cluster.resolves(web, "db") == "timeout"
    dns = {"ports": [{"port": 53, "protocol": "UDP"}]}
    change(
        two,
        "NetworkPolicy",
        "out",
        "shop",
        spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": [allowed, dns]},
    )
    assert two.cluster.resolves(web, "db") == ""


def test_local_traffic_policy_sees_only_the_callers_node(lab: Lab) -> None:
    lab.cluster.create(deployment("db", replicas=3))
    lab.cluster.create(deployment("web"))
    lab.cluster.create(service("db", internalTrafficPolicy="Local"))
    lab.cluster.advance(30)
    web = lab.pod("web")
    found = lab.cluster.reachable(web, "shop", "db", 80) or ()
    assert [pod["spec"]["nodeName"] for pod, _ in found] == [web["spec"]["nodeName"]]
    assert len(lab.cluster.endpoints("shop", "db", 80) or ()) == 3


def test_session_affinity_sticks_until_the_pod_goes(lab: Lab) -> None:
    lab.cluster.create(deployment("db", replicas=3))
    lab.cluster.create(deployment("web"))
    lab.cluster.create(service("db", sessionAffinity="ClientIP"))
    lab.cluster.advance(30)
    web = lab.pod("web")
    seen = [lab.cluster.reachable(web, "shop", "db", 80) for _ in range(3)]
    assert seen[0] is not None and len(seen[0]) == 1 and seen[0] == seen[1] == seen[2]
    lab.cluster.world.store.remove("Pod", ("shop", seen[0][0][0]["metadata"]["name"]))
    lab.cluster.advance(30)
    (other,) = lab.cluster.reachable(web, "shop", "db", 80) or ()
    assert other[0]["metadata"]["uid"] != seen[0][0][0]["metadata"]["uid"]


def test_not_ready_addresses_are_published_on_demand(lab: Lab) -> None:
    lab.programs.statuses["/ready"] = 503
    probe = {"readinessProbe": {"httpGet": {"port": "http", "path": "/ready"}}}
    lab.cluster.create(deployment("web", container(**probe)))
    lab.cluster.create(service("web"))
    second = service("web", publishNotReadyAddresses=True)
    second["metadata"]["name"] = "all"
    lab.cluster.create(second)
    lab.cluster.advance(30)
    assert lab.cluster.endpoints("shop", "web", 80) == ()
    assert len(lab.cluster.endpoints("shop", "all", 80) or ()) == 1


def test_endpoints_made_by_hand_lead_to_the_pod_at_the_address(two: Lab) -> None:
    two.cluster.create(plain("Service", "manual", spec={"ports": [{"port": 5432}]}))
    address = two.pod("db")["status"]["podIP"]
    subset = {"addresses": [{"ip": address}], "ports": [{"port": 8080}]}
    two.cluster.create(plain("Endpoints", "manual", subsets=[subset]))
    (pair,) = two.cluster.endpoints("shop", "manual", 5432) or ()
    assert pair == (two.pod("db"), 8080)


def test_rbac_decides_for_a_pods_account(two: Lab) -> None:
    web = two.pod("web")
    assert two.cluster.denied(web, "list", "", "pods", "shop") == (
        'pods is forbidden: User "system:serviceaccount:shop:default" cannot list resource "pods"'
        ' in API group "" in the namespace "shop"'
    )
    api = "rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    two.cluster.create(plain("Role", "reader", api=api, rules=rules))
    two.cluster.create(
        plain(
            "RoleBinding",
            "reader",
            api=api,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
        )
    )
    assert two.cluster.denied(web, "list", "", "pods", "shop") == ""
    assert two.cluster.denied(web, "delete", "", "pods", "shop")
