"""Faults of the network: policies, names, ingresses, and the wire itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Add, Administer, Change, Edit
from eval.faults.cluster_changes import DnsAnswer
from eval.faults.edits import edge, spec, users_fail
from eval.faults.fits import calls_by_name, deployment, dialled, listens, named_callees, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import errors, obj, slow
from eval.protocols import Repair

_FAMILY = "network"
_NO_POLICIES = {"kube": "needs a network plug-in that enforces NetworkPolicies"}
_HOSTS = {"kube": "needs the nodes' own network administration"}
_CUT_OFF = "is cut off from its callers"
_BLIND = "cannot reach what it calls"


def _policy(case: Case, name: str, rules: Json) -> Sequence[Change]:
    chosen = {"podSelector": {"matchLabels": {case.app.label: case.target}}}
    return (Add("NetworkPolicy", {"metadata": {"name": name}, "spec": {**chosen, **rules}}),)


def _deny_in(case: Case) -> Sequence[Change]:
    role = {"podSelector": {"matchLabels": {"access": f"{case.target}-client"}}}
    rules = {"policyTypes": ["Ingress"], "ingress": [{"from": [role]}]}
    return _policy(case, named(case, "policy"), rules)


def _deny_out(case: Case) -> Sequence[Change]:
    to = {"ipBlock": {"cidr": "10.40.0.0/16"}}
    rules = {"policyTypes": ["Egress"], "egress": [{"to": [to]}]}
    return _policy(case, named(case, "egress"), rules)


def _policy_ref(what: str) -> Callable[[Case], Sequence[ObjectRef]]:
    return lambda case: (case.ref("NetworkPolicy", named(case, what)),)


def _policy_repairs(what: str) -> Callable[[Case], Sequence[Repair]]:
    return lambda case: (
        Repair("change", case.ref("NetworkPolicy", named(case, what)), "allow the traffic"),
        Repair("delete", case.ref("NetworkPolicy", named(case, what))),
    )


def _dns_policy(case: Case) -> Sequence[Change]:
    values = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["8.8.8.8"]}}
    return (spec(case, lambda pod: pod.update(values), fresh=True),)


def _callee(case: Case) -> str:
    return named_callees(case.app, case.service)[0]


def _alias(case: Case) -> Sequence[Change]:
    address = f"10.96.{case.number('a', 200, 250)}.{case.number('b', 2, 250)}"
    entry = {"ip": address, "hostnames": [_callee(case)]}
    return (spec(case, lambda pod: pod.update(hostAliases=[entry]), fresh=True),)


def _ingress(app: App, service: Service) -> str:
    """The Ingress whose path leads to a service."""
    return next((n for n, i in app.ingresses.items() if service.name in i.paths.values()), "")


def _misroute(case: Case) -> Sequence[Change]:
    other = next(s.name for s in case.app.services.values() if s.ports and s.name != case.target)

    def breaks(item: Json) -> None:
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"].get("service")
                if service and service["name"] == case.target:
                    service["name"] = other
                    service["port"] = {"number": case.app.services[other].ports[0].port}

    return (Edit("Ingress", _ingress(case.app, case.service), breaks, exact=True),)


def _impair(case: Case, delay_ms: int, loss: float) -> Sequence[Change]:
    fine = {"delay_ms": "0", "loss": "0"}
    worse = {"delay_ms": str(delay_ms), "loss": str(loss)}
    return (Administer(case.target, "impair", worse, "impair", fine),)


_CALLING = needed(deployment, listens, calls_by_name)

KINDS = (
    Kind(
        "network_policy_ingress",
        _FAMILY,
        "a NetworkPolicy lets nobody in who calls the workload",
        ("network.policy_blocks",),
        needed(listens, dialled),
        _deny_in,
        lambda case: (errors(edge(case)),),
        effect=_CUT_OFF,
        blame=_policy_ref("policy"),
        repairs=_policy_repairs("policy"),
        unfit=_NO_POLICIES,
        origin="SREGym network_policy_block; ITBench 31",
    ),
    Kind(
        "network_policy_egress",
        _FAMILY,
        "a NetworkPolicy lets the workload reach nothing inside the cluster, not even DNS",
        ("network.policy_blocks",),
        needed(listens, calls_by_name, lambda app, s: s.keepalive_seconds is not None),
        _deny_out,
        lambda case: (users_fail(case),),
        effect=_BLIND,
        blame=_policy_ref("egress"),
        repairs=_policy_repairs("egress"),
        unfit=_NO_POLICIES,
        origin="ITBench 26, 41 (partitions)",
    ),
    Kind(
        "dns_policy",
        _FAMILY,
        "the pods ask a name server that does not know the cluster's names",
        ("network.dns",),
        _CALLING,
        _dns_policy,
        lambda case: (
            obj(case.kind, case.target, "spec.template.spec.dnsPolicy", "None"),
            users_fail(case),
        ),
        effect=_BLIND,
        origin="SREGym wrong_dns_policy; ITBench 43",
    ),
    Kind(
        "host_alias",
        _FAMILY,
        "a host alias in the pods sends a dependency's name to an address that nobody has",
        ("dependency.wrong_address", "network.dns"),
        _CALLING,
        _alias,
        lambda case: (users_fail(case),),
        effect=_BLIND,
        origin="SREGym service_dns_resolution_failure (variant)",
    ),
    Kind(
        "cluster_dns_answer",
        _FAMILY,
        "the cluster's DNS is configured to deny that the Service's name exists",
        ("network.dns",),
        needed(listens, dialled, lambda app, s: s.name != app.entry),
        lambda case: (DnsAnswer(case.target),),
        lambda case: (errors(edge(case)),),
        effect=_CUT_OFF,
        blame=lambda case: (ObjectRef("ConfigMap", "kube-system", "coredns"),),
        origin="SREGym stale_coredns_config, service_dns_resolution_failure",
    ),
    Kind(
        "ingress_misroute",
        _FAMILY,
        "the Ingress leads a path to another Service",
        ("network.ingress_misroute",),
        lambda app: [s.name for s in app.services.values() if _ingress(app, s)],
        _misroute,
        lambda case: (
            obj(
                "Ingress",
                _ingress(case.app, case.service),
                "metadata.name",
                _ingress(case.app, case.service),
            ),
        ),
        effect="is not what outside users get",
        blame=lambda case: (case.ref("Ingress", _ingress(case.app, case.service)),),
        harm="some",
        origin="SREGym ingress_misroute",
    ),
    Kind(
        "network_delay",
        _FAMILY,
        "packets of the workload's pods are delayed by ten seconds",
        ("network.delay",),
        needed(deployment, listens),
        lambda case: _impair(case, 10_000, 0.0),
        lambda case: (slow(f"{case.client}->{case.app.entry}"),),
        effect="answers late or too late",
        harm="some",
        mitigable=False,
        unfit=_HOSTS,
        origin="AIOpsLab network_delay_hotel_res; ITBench 17",
    ),
    Kind(
        "network_loss",
        _FAMILY,
        "nearly all packets of the workload's pods are lost",
        ("network.loss",),
        needed(deployment, listens),
        lambda case: _impair(case, 0, 0.99),
        lambda case: (errors(edge(case)),),
        effect=_CUT_OFF,
        mitigable=False,
        unfit=_HOSTS,
        origin="AIOpsLab network_loss_hotel_res; ITBench 55",
    ),
)
