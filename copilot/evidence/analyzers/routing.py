"""Ways that lead nowhere though every object looks sound: traffic policies, host aliases, lost entries."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.evidence.addresses import addresses
from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.collect_metrics import flow_line
from copilot.evidence.kube import declared_ports, dig, is_true, ref_of
from copilot.evidence.telemetry import Flow
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_LINES = 60
_STOPPED = 0.05


def policies(case: Case) -> Iterator[Clue]:
    """Report Services that only serve callers on their own node, where some callers are not."""
    for service in case.snapshot.of("Service"):
        ref = ref_of(service)
        if dig(service, "spec.internalTrafficPolicy") != "Local":
            continue
        nodes = {
            dig(pod, "spec.nodeName")
            for pod in case.snapshot.selected(service)
            if is_true(pod, "Ready")
        }
        stranded = sorted(
            caller
            for caller in case.topology.callers(ref)
            if any(dig(p, "spec.nodeName") not in nodes for p in case.snapshot.pods(caller))
        )
        if not nodes or not stranded:
            continue
        why = (
            f"its internalTrafficPolicy is Local, and {stranded[0].name} runs on a node without a"
            " backend of it"
        )
        changed = case.changed_at(ref)
        hurt = any(
            flow.errors.above(0.03)
            for flow in case.snapshot.telemetry.edges()
            if case.wiring.callee(flow.service) == ref
        )
        yield case.clue(
            "service.local_only",
            ref,
            f"Service {ref.name}: {why}",
            [case.ledger.value(service, "spec.internalTrafficPolicy")],
            weight=0.8 if changed or hurt else 0.0,
            onset=changed,
            claims=[Claim(ref, "service.traffic_policy", 0.95, why)],
            place=ref,
        )


def aliases(case: Case) -> Iterator[Clue]:
    """Report host aliases that send the name of a Service elsewhere."""
    for workload in case.snapshot.workloads:
        ref = ref_of(workload)
        for alias in case.snapshot.spec(ref).get("hostAliases") or []:
            for host in alias.get("hostnames") or []:
                service = ObjectRef("Service", ref.namespace, str(host).split(".")[0])
                address = dig(case.snapshot.get(service), "spec.clusterIP")
                if not address or address in ("None", alias.get("ip")):
                    continue
                changes = case.changes(ref, "hostAliases")
                why = f"its host alias sends {host} to {alias.get('ip')}, and the Service is at {address}"
                yield case.clue(
                    "network.host_alias",
                    ref,
                    f"{ref.kind} {ref.name}: {why}",
                    [
                        case.ledger.value(workload, "spec.template.spec.hostAliases"),
                        case.ledger.value(case.snapshot.get(service) or {}, "spec.clusterIP"),
                        *(c.evidence for c in changes[:1]),
                    ],
                    weight=0.9 if changes else 0.3,
                    onset=changes[0].at if changes else None,
                    claims=[Claim(ref, "dependency.wrong_address", 0.95, why)],
                    place=ref,
                    local=True,
                )


def logged_addresses(case: Case) -> Iterator[Clue]:
    """Report programs in trouble whose log names a port that the Service which they call has not."""
    for log in case.snapshot.logs:
        pod = case.snapshot.get(ObjectRef("Pod", log.namespace, log.pod))
        if pod is None or is_true(pod, "Ready"):
            continue
        workload = case.snapshot.controller(pod)
        for line in log.lines[-_LINES:]:
            for address in addresses(line.text):
                found = case.wiring.resolver.resolve(address, log.namespace)
                service = case.snapshot.get(found) if found else None
                if found is None or service is None or address.port is None or address.is_ip:
                    continue
                ports = [p.get("port") for p in dig(service, "spec.ports", []) or []]
                headless = dig(service, "spec.clusterIP") == "None"
                if found.kind != "Service" or not ports or address.port in ports or headless:
                    continue
                why = f"it logs that it uses {address.host}:{address.port}, and Service {found.name} has only port {', '.join(map(str, ports))}"
                facts: dict[str, Fact] = {"container": log.container}
                claims = [Claim(workload, "dependency.wrong_address", 0.93, why, facts=facts)]
                if _taken_away(case, workload, found, address.port):
                    told = f"{workload.name}, which is as it was, uses its port {address.port}, which its pods"
                    told += f" declare, and it has only port {', '.join(map(str, ports))}"
                    offer: dict[str, Fact] = {"port": address.port}
                    claims = [
                        Claim(found, "service.port_mismatch", 0.93, told, facts=offer),
                        Claim(workload, "dependency.wrong_address", 0.15, why, facts=facts),
                    ]
                yield case.clue(
                    "log.unknown_port",
                    workload,
                    f"{workload.kind} {workload.name}: {why}",
                    [
                        case.ledger.lines(log.query, [line.raw], (workload,)),
                        case.ledger.value(service, "spec.ports"),
                    ],
                    weight=0.6,
                    onset=line.at,
                    claims=claims,
                    place=workload,
                    local=True,
                )
                break


def _taken_away(case: Case, caller: ObjectRef, service: ObjectRef, port: int) -> bool:
    """Whether it is the Service that lost a port: its pods declare it, and the caller is as it was."""
    if case.changes(caller, "env", "envFrom", "args", "command", "image"):
        return False
    pods = case.snapshot.selected(case.snapshot.get(service) or {})
    declared = any(port in declared_ports(pod.get("spec") or {}) for pod in pods)
    return declared or (case.changed_at(service) is not None and bool(pods))


def cut_off(case: Case) -> Iterator[Clue]:
    """Report programs that run, were called, and are not any more, as no Service leads to them."""
    flows = {case.wiring.node(f.service): f for f in case.snapshot.telemetry.served()}
    for workload in case.snapshot.workloads:
        ref = ref_of(workload)
        flow = flows.get(ref)
        service = ObjectRef("Service", ref.namespace, ref.name)
        if (
            flow is None
            or not _stopped(flow)
            or case.snapshot.services_of(ref)
            or not case.snapshot.knows("Service")
            or case.snapshot.get(service) is not None
            or not declared_ports(case.snapshot.spec(ref))
            or not any(is_true(p, "Ready") for p in case.snapshot.pods(ref))
        ):
            continue
        why = f"{ref.name} is ready and gets no requests any more, and no Service leads to it"
        names = case.snapshot.names("Service", ref.namespace)
        yield case.clue(
            "workload.cut_off",
            ref,
            f"{ref.kind} {ref.name} gets no requests any more: no Service leads to it",
            [
                case.ledger.add(Source.METRICS, flow.query, flow_line(flow)),
                case.ledger.absence("Service", ref.namespace, names, ref.name),
            ],
            weight=0.8,
            onset=flow.rate.onset,
            claims=[Claim(service, "service.missing", 0.9, why, also=(ref,))],
            place=ref,
        )


def _stopped(flow: Flow) -> bool:
    return bool(
        flow.rate.base and flow.rate.base > 0.1 and flow.rate.now < _STOPPED * flow.rate.base
    )


def queues(case: Case) -> Iterator[Clue]:
    """Report consumers that take far less out of a broker than is put in, and took as much before."""
    telemetry = case.snapshot.telemetry
    served = {case.wiring.node(f.service): f for f in telemetry.served()}
    brokers: dict[ObjectRef, list[Flow]] = {}
    for flow in telemetry.edges():
        callee = case.wiring.callee(flow.service)
        for place in targets.backing(case, callee):
            if targets.is_broker(case, place):
                brokers.setdefault(place, []).append(flow)
    for broker, flows in brokers.items():
        now = sum(f.rate.now for f in flows)
        before = sum(f.rate.base or 0.0 for f in flows)
        senders = {case.wiring.node(f.caller) for f in flows}
        for consumer in case.depended_on(broker) if now >= 0.05 and before else ():
            taken = served.get(consumer)
            if consumer in senders or taken is None or taken.rate.base is None:
                continue
            if taken.rate.base < 0.7 * before or taken.rate.now > 0.5 * now:
                continue
            why = (
                f"it takes {taken.rate.now:.1f} messages/s out of {broker.name}, into which"
                f" {now:.1f}/s are put (before: {before:.1f}/s, all of which it took)"
            )
            behind = min(0.75, 0.4 + 0.35 * (1 - taken.rate.now / now))
            yield case.clue(
                "queue.lag",
                consumer,
                f"{consumer.kind} {consumer.name}: {why}",
                [
                    case.ledger.add(Source.METRICS, taken.query, flow_line(taken)),
                    case.ledger.add(Source.METRICS, flows[0].query, flow_line(flows[0])),
                ],
                weight=0.6,
                onset=taken.rate.onset or flows[0].rate.onset,
                claims=[Claim(consumer, "queue.consumer_lag", behind, why)],
                place=consumer,
            )


def cannot_dial(case: Case) -> Iterator[Clue]:
    """Report programs all of whose calls fail at once, whatever they call, while all of that is well.

    A dead dependency fails one kind of call, a policy lets them wait; that none leaves, and at once,
    is a limit of the caller's own host: its ports, its file descriptors.
    """
    served = {f.service: f for f in case.snapshot.telemetry.served()}
    outgoing: dict[ObjectRef, list[Flow]] = {}
    for flow in case.snapshot.telemetry.edges():
        caller = case.wiring.node(flow.caller)
        if caller is not None and flow.rate.now > _SEEN:
            outgoing.setdefault(caller, []).append(flow)
    for caller, flows in outgoing.items():
        if len(flows) < 2 or not all(_fails_at_once(f, served.get(f.service)) for f in flows):
            continue
        callees = [p for f in flows for p in targets.backing(case, case.wiring.callee(f.service))]
        pods = [pod for place in callees for pod in case.snapshot.pods(place)]
        if not pods or not all(is_true(pod, "Ready") for pod in pods):
            continue
        why = (
            f"all of its calls, to {len(flows)} services that are well, fail within"
            f" {1000 * max(f.latency.now for f in flows if f.latency):.0f} ms and never arrive"
        )
        yield case.clue(
            "workload.cannot_dial",
            caller,
            f"{caller.kind} {caller.name}: {why}",
            [case.ledger.add(Source.METRICS, f.query, flow_line(f)) for f in flows[:3]],
            weight=0.9,
            onset=flows[0].errors.onset,
            claims=[Claim(caller, "node.resource_exhausted", 0.6, why)],
            place=caller,
        )


_SEEN, _AT_ONCE = 0.02, 0.05


def _fails_at_once(flow: Flow, server: Flow | None) -> bool:
    arrive = server is not None and server.rate.now >= 0.3 * flow.rate.now
    quick = flow.latency is not None and flow.latency.now <= _AT_ONCE
    known = flow.errors.base is not None and flow.errors.base < 0.2
    return flow.errors.now >= 0.95 and known and quick and not arrive
