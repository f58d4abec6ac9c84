"""Configured addresses against the Services that exist: wrong names, wrong ports, lost Services."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator

from copilot.evidence.addresses import addresses, configured
from copilot.evidence.case import Case
from copilot.evidence.changes import Change
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, created, declared_ports, dig
from copilot.evidence.logclock import ongoing
from copilot.evidence.quoting import listed
from copilot.evidence.topology import namesakes
from copilot.evidence.wiring import Setting
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_TELEMETRY = re.compile(r"OTEL|OTLP|JAEGER|ZIPKIN|STATSD|TRAC(E|ING)|TELEMETRY|METRICS", re.I)


def analyze(case: Case) -> Iterator[Clue]:
    """Report settings that lead to no Service, or to a port that the Service does not have."""
    if not case.snapshot.knows("Service"):
        return
    lost: dict[ObjectRef, list[Setting]] = defaultdict(list)
    for settings in case.wiring.settings.values():
        for setting in settings:
            if setting.target is None or setting.target.kind != "Service":
                continue
            if not case.snapshot.pods(setting.workload) or _TELEMETRY.search(setting.field):
                continue
            exists = case.snapshot.exists("Service", setting.target.namespace, setting.target.name)
            if exists is False:
                lost[setting.target].append(setting)
            elif exists:
                yield from _wrong_port(case, setting)
    for target, settings in sorted(lost.items()):
        yield from _lost(case, target, settings)


def change_of(case: Case, setting: Setting) -> Change | None:
    """Return the recent change that set an address, if there was one."""
    for change in case.changes(
        setting.workload, "env", "args", "command", container=setting.container
    ):
        if change.field != "env" or change.path.endswith("/" + setting.field.removeprefix("env ")):
            return change
    return None


def _led_somewhere(case: Case, setting: Setting, change: Change) -> bool:
    """Whether the value before the change named a Service that exists: then the change broke it."""
    for address in (*addresses(change.before), *configured(setting.field, change.before, {})):
        target = case.wiring.resolver.resolve(address, setting.workload.namespace)
        if target is not None and case.snapshot.get(target) is not None:
            return True
    return False


def _quote(case: Case, setting: Setting) -> str:
    owner = case.snapshot.get(setting.workload)
    return case.ledger.add(
        Source.KUBERNETES,
        f"kubectl set env {setting.workload.kind.lower()}/{setting.workload.name}"
        f" -n {setting.workload.namespace} --list --resolve"
        if setting.field.startswith("env")
        else f"kubectl get {setting.workload.kind.lower()} {setting.workload.name} -n {setting.workload.namespace} -o yaml",
        f"{setting.field.removeprefix('env ').split(' ')[0]}={setting.value}",
        objects=(setting.workload,) if owner else (),
    )


def _lost(case: Case, target: ObjectRef, settings: list[Setting]) -> Iterator[Clue]:
    callers = sorted({s.workload for s in settings})
    same = [
        w for w in namesakes(case.snapshot, target) if case.snapshot.pods(w) and w not in callers
    ]
    names = case.snapshot.names("Service", target.namespace)
    absent = case.ledger.absence("Service", target.namespace, names, target.name)
    changed = {
        s.workload: c for s in settings if (c := change_of(case, s)) and _led_somewhere(case, s, c)
    }
    complaining = {s.workload for s in settings if ongoing(case, s.workload, target)}
    if same and not changed:
        why = f"{_users(callers)} it, {same[0]} would serve it, and it does not exist"
        facts: dict[str, Fact] = {"workload": same[0].name}
        ports = declared_ports(case.snapshot.spec(same[0]))
        port = next((s.address.port for s in settings if s.address.port), None) or next(
            iter(ports), None
        )
        if port:
            facts["port"] = port
        yield case.clue(
            "service.missing",
            target,
            f"Service {target.name} does not exist, and {_list(callers)} {'are' if len(callers) > 1 else 'is'} configured to call it",
            [absent, *(_quote(case, s) for s in settings[:3])],
            weight=1.0,
            claims=[Claim(target, "service.missing", 0.93, why, also=(), facts=facts)],
            local=True,
        )
        return
    for setting in settings:
        near = difflib.get_close_matches(target.name, names, 1, 0.7)
        change = changed.get(setting.workload)
        where = f"{setting.field}={setting.value}"
        why = f"its setting {where} names a Service that does not exist"
        facts = {"container": setting.container, "setting": setting.field, "value": setting.value}
        if near:
            facts["near"] = near[0]
        claims = []
        if change:
            facts["rolled_out"] = 1
            facts["previous"] = change.before
            claims.append(
                Claim(
                    setting.workload,
                    "config.env_wrong",
                    0.95,
                    f"{why}; its latest revision changed it from {change.before}",
                    facts=facts,
                )
            )
        elif setting.address.sure or setting.workload in complaining:
            shared = len(callers) > 1
            claims.append(
                Claim(
                    setting.workload,
                    "config.env_wrong",
                    0.25 if shared else 0.75 if near else 0.5,
                    why,
                    facts=facts,
                )
            )
            claims.append(
                Claim(
                    target,
                    "service.missing",
                    0.75 if shared else 0.15 if near else 0.4,
                    f"{_users(callers)} it, and it does not exist",
                )
            )
        if claims:
            yield case.clue(
                "config.unknown_host",
                setting.workload,
                f"{setting.workload.kind} {setting.workload.name} is configured with {where}, and no such Service exists",
                [_quote(case, setting), absent, *([change.evidence] if change else [])],
                weight=0.9 if change else 0.0,
                onset=change.at if change else None,
                claims=claims,
                place=setting.workload,
                local=True,
            )


def _wrong_port(case: Case, setting: Setting) -> Iterator[Clue]:
    target, port = setting.target, setting.address.port
    service = case.snapshot.get(target) if target else None
    if service is None or target is None or port is None or "from ConfigMap" in setting.value:
        return
    open_ports = [p.get("port") for p in dig(service, "spec.ports", []) or []]
    if port in open_ports or not open_ports:
        return
    if dig(service, "spec.clusterIP") == "None" or setting.workload in case.snapshot.backing(
        target
    ):
        return  # a headless Service leads to any port of its pods
    change = change_of(case, setting)
    complaining = ongoing(case, setting.workload, target)
    moved = case.changed_at(target)
    where = f"{setting.field}={setting.value}"
    why = f"its setting {where} asks port {port}, and Service {target.name} has only {', '.join(map(str, open_ports))}"
    facts: dict[str, Fact] = {
        "container": setting.container,
        "setting": setting.field,
        "value": setting.value,
    }
    if len(open_ports) == 1 and open_ports[0]:
        facts["port"] = int(open_ports[0])
    if change:
        facts["rolled_out"] = 1
        facts["previous"] = change.before
    strength = 0.95 if change else 0.85 if complaining else 0.4
    claims = [Claim(setting.workload, "config.env_wrong", strength, why, facts=facts)]
    if complaining and not change and not moved and _worked(case, setting.workload, target):
        told = f"{setting.workload.name}, which is as it was and called it well before, uses port {port}"
        told += f", and it has only {', '.join(map(str, open_ports))}"
        ports: dict[str, Fact] = {"port": port} if len(open_ports) == 1 else {}
        claims = [
            Claim(setting.workload, "config.env_wrong", 0.2, why, facts=facts),
            Claim(target, "service.port_mismatch", 0.75, told, facts=ports),
        ]
    if moved and not change:
        claims = [
            Claim(setting.workload, "config.env_wrong", 0.3, why, facts=facts),
            Claim(
                target,
                "service.port_mismatch",
                0.8,
                f"its ports were changed at {brief(moved)}, and callers use {port}",
            ),
        ]
    yield case.clue(
        "config.unknown_port",
        setting.workload,
        f"{setting.workload.kind} {setting.workload.name}: {why}",
        [
            _quote(case, setting),
            case.ledger.value(service, "spec.ports"),
            *([change.evidence] if change else []),
        ],
        weight=0.9 if change or complaining else 0.0,
        onset=change.at if change else None,
        claims=claims,
        place=setting.workload,
        local=True,
    )


def _worked(case: Case, caller: ObjectRef, target: ObjectRef) -> bool:
    """Whether a caller's pods are from before the window, and its calls went well then."""
    pods = case.snapshot.pods(caller)
    if not pods or any(case.snapshot.is_recent(created(p)) for p in pods):
        return False
    measured = any(
        f.rate.base and f.errors.base is not None and f.errors.base < 0.2
        for f in case.snapshot.telemetry.edges()
        if case.wiring.node(f.caller) == caller and case.wiring.callee(f.service) == target
    )
    return measured or any(
        i.workload == caller and i.blames and i.clean_before and i.ongoing for i in case.issues
    )


def _list(refs: list[ObjectRef]) -> str:
    return listed([ref.name for ref in refs])


def _users(refs: list[ObjectRef]) -> str:
    return f"{_list(refs)} {'use' if len(refs) > 1 else 'uses'}"
