"""Services against the pods behind them: selectors, ports, endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.analyzers import foreign, targets, unselected
from copilot.evidence.analyzers.pods import trouble
from copilot.evidence.case import Case
from copilot.evidence.changes import declared as manifest
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import (
    brief,
    containers,
    declared_ports,
    dig,
    is_true,
    labels_of,
    pod_spec,
    ref_of,
    template_labels,
)
from copilot.evidence.logscan import listening
from copilot.evidence.ports import resolve_in_pod, resolve_port
from copilot.evidence.quoting import listed
from copilot.evidence.topology import namesakes
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_SURELY = 0.45


def analyze(case: Case) -> Iterator[Clue]:
    """Report Services that lead nowhere."""
    for service in case.snapshot.of("Service"):
        if dig(service, "spec.type") == "ExternalName":
            continue
        if not dig(service, "spec.selector"):
            yield from unselected.analyze(case, service)
            continue
        pods = case.snapshot.selected(service)
        if pods:
            strange = foreign.find(case, service, pods)
            if strange is not None:
                yield foreign.clue(case, service, strange, hurt=missed(case, ref_of(service)))
                # Whether the right program serves the port is judged by its own pods.
                pods = [p for p in pods if case.snapshot.controller(p) not in strange.strangers]
            if pods:
                yield from _ports(case, service, pods)
                yield from _unready(case, service, pods)
        elif case.snapshot.knows("Pod"):
            yield from _nothing_selected(case, service)


def _unready(case: Case, service: Json, pods: Sequence[Json]) -> Iterator[Clue]:
    ref = ref_of(service)
    publishes = dig(service, "spec.publishNotReadyAddresses")
    if publishes or any(is_true(pod, "Ready") for pod in pods):
        return
    owners = [case.snapshot.controller(pod) for pod in pods]
    if not any(trouble(case, o, p, 1.0) for o, p in zip(owners, pods, strict=True)):
        return  # they are starting
    yield case.clue(
        "service.no_ready_endpoints",
        ref,
        f"Service {ref.name} has no ready endpoint: none of its {len(pods)} pods is ready",
        [_endpoints(case, ref)],
        weight=0.2,
        place=ref,
    )


def _endpoints(case: Case, ref: ObjectRef) -> str:
    endpoints = case.snapshot.get(ObjectRef("Endpoints", ref.namespace, ref.name))
    if endpoints is not None:
        return case.ledger.value(endpoints, "subsets")
    service = case.snapshot.get(ref)
    return case.ledger.value(service or {"kind": "Service"}, "spec.selector")


def _nothing_selected(case: Case, service: Json) -> Iterator[Clue]:
    ref, selector = ref_of(service), dig(service, "spec.selector", {})
    callers = [c for c in case.topology.callers(ref) if _alive(case, c)]
    if case.snapshot.backing(ref):
        if callers:  # its workload has no pods: the workload's own analyzer says why
            sure = [c for c in callers if case.topology.callees(c).get(ref, 0.0) >= _SURELY]
            used = f", and {_names(sure)} {'use' if len(sure) > 1 else 'uses'} it" if sure else ""
            yield case.clue(
                "service.no_endpoints",
                ref,
                f"Service {ref.name} has no endpoints{used}",
                [_endpoints(case, ref)],
                weight=0.3,
            )
        return
    same = namesakes(case.snapshot, ref)
    near = same or _overlapping(case, service)
    quoted = [case.ledger.value(service, "spec.selector", Source.KUBERNETES), _endpoints(case, ref)]
    changed = case.changed_at(ref)
    before = dig(manifest(service), "spec.selector")
    drifted = bool(before) and before != selector
    shown = ",".join(f"{k}={v}" for k, v in sorted(selector.items()))
    if near:
        workload = case.snapshot.get(near[0])
        labels = template_labels(workload) if workload else {}
        if workload is not None:
            path = "spec.template.metadata.labels" if near[0].kind != "Pod" else "metadata.labels"
            quoted.append(case.ledger.value(workload, path))
        wanted = {k: labels.get(k, "") for k in selector if labels.get(k)} or labels
        if drifted:
            wanted = before
        facts: dict[str, Fact] = {
            "selector": ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))
        }
        unknown = [k for k in selector if k not in labels]
        if unknown:
            facts["surplus"] = ",".join(unknown)
        why = f"its selector {shown} matches no pod, while {near[0]} has other labels"
        strength = 0.96 if same or drifted else 0.85 if callers else 0.6
        claims = [Claim(ref, "service.selector_mismatch", strength, why, also=(), facts=facts)]
        weight = 1.0 if same or callers or changed else 0.0
    else:
        why = f"its selector {shown} matches no pod, and no workload has such labels"
        missing = ObjectRef("Deployment", ref.namespace, ref.name)
        claims = [
            Claim(
                missing,
                "workload.missing",
                0.7 if not changed else 0.3,
                f"nothing runs behind Service {ref.name}",
                also=(ref,),
            ),
            Claim(ref, "service.selector_mismatch", 0.3 if not (changed or drifted) else 0.8, why),
        ]
        weight = 0.9 if callers else 0.0
    yield case.clue(
        "service.selects_nothing",
        ref,
        f"Service {ref.name}: {why}" + (f"; changed at {brief(changed)}" if changed else ""),
        quoted,
        weight=weight,
        onset=changed,
        claims=claims,
        place=ref,
        local=True,
    )


def _overlapping(case: Case, service: Json) -> list[ObjectRef]:
    """Return workloads that have some, not all, of the selector's labels, most alike first."""
    selector, found = dig(service, "spec.selector", {}), []
    for workload in case.snapshot.workloads:
        ref = ref_of(workload)
        if ref.namespace != ref_of(service).namespace or ref.kind in ("Job", "CronJob"):
            continue
        labels = labels_of(workload) if ref.kind == "Pod" else template_labels(workload)
        share = sum(labels.get(k) == v for k, v in selector.items())
        served = case.snapshot.services_of(ref)
        if share and not served:
            found.append((-share, ref))
    return [ref for _, ref in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Served:
    """What is known of the ports that the pods behind a Service serve."""

    declared: dict[int, str]
    heard: dict[int, tuple[str, str]]
    probed: set[int]


def _served(case: Case, pods: Sequence[Json]) -> _Served:
    declared: dict[int, str] = {}
    heard: dict[int, tuple[str, str]] = {}
    probed: set[int] = set()
    for pod in pods:
        spec = pod_spec(pod)
        declared.update(declared_ports(spec))
        heard.update(listening(case.snapshot, pod))
        for container in containers(spec):
            for name in ("readinessProbe", "livenessProbe"):
                probe = container.get(name) or {}
                aim = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc") or {}
                number = resolve_port(aim.get("port"), container)
                if number and is_true(pod, "Ready"):
                    probed.add(number)
    return _Served(declared, heard, probed)


def _ports(case: Case, service: Json, pods: Sequence[Json]) -> Iterator[Clue]:
    served = _served(case, pods)
    before = {
        p.get("port"): p.get("targetPort", p.get("port"))
        for p in dig(manifest(service), "spec.ports", []) or []
    }
    for port in dig(service, "spec.ports", []) or []:
        if port.get("protocol", "TCP") != "TCP":
            continue
        found = _port(case, service, port, pods, served, before)
        if found:
            yield found


def _port(
    case: Case,
    service: Json,
    port: Json,
    pods: Sequence[Json],
    served: _Served,
    before: dict[object, object],
) -> Clue | None:
    """Judge one Service port; None when nothing speaks against it."""
    ref, number = ref_of(service), port.get("port")
    target = port.get("targetPort", number)
    wanted = [resolve_in_pod(target, pod_spec(pod)) for pod in pods]
    evidence = [case.ledger.value(service, "spec.ports")]
    changed = case.changed_at(ref)
    drifted = number in before and before[number] != target
    if all(w is None for w in wanted):
        strength, why = 0.97, f'no container of its pods names a port "{target}"'
    else:
        aim = next(w for w in wanted if w is not None)
        if aim in served.heard or aim in served.probed:
            return None
        if aim in served.declared and not (served.heard and _sole(served) not in (None, aim)):
            return None
        others = {p.get("targetPort", p.get("port")) for p in dig(service, "spec.ports", []) or []}
        if aim in served.declared and len(others) > 1 and others & set(served.heard):
            return None  # a program announces rarely all of its ports
        strength, why = _strength(aim, number, served)
        if drifted:
            strength = max(strength, 0.93)
            why += f"; the applied manifest says {before[number]}"
        if changed and strength:
            strength += (1 - strength) * 0.5
        elif changed:
            strength, why = 0.4, f"its target port {aim} is declared by no container"
    if strength < 0.1:
        return None
    owner = case.snapshot.controller(pods[0])
    moved = None if changed or drifted else _moved(case, owner, served, target)
    facts: dict[str, Fact] = {"port": int(number or 0)}
    repair = before[number] if drifted else _best(served, port)
    if isinstance(repair, int | str) and repair:
        facts["target_port"] = repair
    if served.heard:
        query, line = next(iter(served.heard.values()))
        evidence.append(case.ledger.lines(query, [line], (owner,)))
    holder = case.snapshot.get(owner)
    for container in containers(pod_spec(pods[0])):
        if container.get("ports") and holder is not None and owner.kind != "Pod":
            evidence.append(
                case.ledger.container(
                    holder,
                    "spec.template.spec",
                    str(container.get("name")),
                    "ports",
                    container["ports"],
                )
            )
    because = f"its port {number} leads to target port {target}, where nothing listens: {why}"
    if moved is not None:
        share, claim = moved
        claims = [
            claim,
            Claim(ref, "service.target_port_mismatch", share * strength, because, facts=facts),
        ]
    else:
        claims = [Claim(ref, "service.target_port_mismatch", strength, because, facts=facts)]
    return case.clue(
        "service.port_unserved",
        ref,
        f"Service {ref.name}: {because}" + (f"; changed at {brief(changed)}" if changed else ""),
        evidence,
        weight=0.9 if strength >= 0.75 else 0.5 if missed(case, ref) else 0.0,
        onset=changed,
        claims=claims,
        place=ref,
        local=True,
    )


def missed(case: Case, ref: ObjectRef) -> bool:
    """Whether callers complain of a Service now."""
    measured = any(
        flow.errors.now > 0.1 and case.wiring.callee(flow.service) == ref
        for flow in case.snapshot.telemetry.edges()
    )
    return measured or any(
        issue.ongoing and targets.target(case, issue) == ref for issue in case.issues
    )


def _moved(
    case: Case, owner: ObjectRef, served: _Served, target: object
) -> tuple[float, Claim] | None:
    """Blame the workload when it is the program that moved away from the port, not the Service.

    That is so when its latest revision changed the program, or when Service and declared ports
    agree with each other and only the program listens elsewhere. Returns what share of the
    suspicion stays with the Service, and the claim against the workload.
    """
    table = {"command": "workload.bad_command", "args": "workload.bad_command",
             "env": "config.env_wrong", "envFrom": "config.env_wrong", "image": "workload.bad_rollout"}  # fmt: skip
    for change in case.changes(owner):
        if change.field in table:
            facts: dict[str, Fact] = {"container": change.container, "rolled_out": 1}
            why = f"its latest revision changed {change}, and port {target} is not served any more"
            return 0.15, Claim(owner, table[change.field], 0.9, why, facts=facts)
    if target not in served.declared or not served.heard:
        return None
    heard = next(iter(served.heard))
    why = f"it declares port {target} and listens on {heard}"
    for container in containers(case.snapshot.spec(owner)):
        facts = {"container": str(container.get("name"))}
        for item in container.get("env") or []:
            if str(item.get("value", "")).endswith(str(heard)):
                facts["setting"] = f"env {item.get('name')}"
                return 0.3, Claim(owner, "config.env_wrong", 0.75, why, facts=facts)
        return 0.4, Claim(owner, "workload.bad_command", 0.6, why, facts=facts)
    return None


def _strength(aim: int, number: object, served: _Served) -> tuple[float, str]:
    declared = ", ".join(map(str, sorted(served.declared)))
    if served.heard and aim not in served.heard:
        heard = ", ".join(map(str, sorted(served.heard)))
        sure = 0.9 if not served.declared or aim not in served.declared else 0.6
        return sure, f"the program says that it listens on {heard}"
    if served.declared and number in served.declared:
        return 0.85, f"the container declares {declared}"
    if served.probed and served.declared and served.probed <= set(served.declared):
        return 0.75, f"the container declares {declared}, and its probe passes there"
    if served.declared:
        return 0.45, f"the container declares {declared}"
    if served.probed:
        return 0.45, f"its probe passes at port {', '.join(map(str, sorted(served.probed)))}"
    return 0.0, ""


def _sole(served: _Served) -> int | None:
    return next(iter(served.heard)) if len(served.heard) == 1 else None


def _best(served: _Served, port: Json) -> int | None:
    """Return the port that the pods most likely serve for a Service port."""
    number, name = port.get("port"), port.get("name")
    for candidates in (
        set(served.heard),
        served.probed & set(served.declared),
        set(served.declared),
        served.probed,
    ):
        if number in candidates:
            return int(number)
        named = [p for p in candidates if name and served.declared.get(p) == name]
        if named:
            return named[0]
        if len(candidates) == 1:
            return next(iter(candidates))
    return None


def _alive(case: Case, workload: ObjectRef) -> bool:
    return workload.kind == "Service" or bool(case.snapshot.pods(workload))


def _names(refs: Sequence[ObjectRef]) -> str:
    return listed([ref.name for ref in refs])
