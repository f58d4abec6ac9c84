"""Faults that the app's own feature flags switch on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from connectors.api.values import Json
from eval.apps.model import App, Effect, Service
from eval.faults.case import Case
from eval.faults.changes import Change, Edit, Restart
from eval.faults.kind import Kind
from eval.faults.symptoms import errors, slow, status, traffic, usage
from eval.protocols import Repair, Symptom

_FAMILY = "flag"
_ORIGIN = "AIOpsLab astronomy_shop; ITBench 1-15"
Test = Callable[[Effect], bool]


def _described(app: App) -> Json:
    assert app.flags is not None
    text = app.config_maps[app.flags.config_map][app.flags.key]
    flags: Json = json.loads(text)["flags"]
    return flags


def _fits(test: Test) -> Callable[[App], Sequence[str]]:
    """Services that do something of the sort while a flag is on."""

    def fits(app: App) -> Sequence[str]:
        if app.flags is None:
            return []
        return [s.name for s in app.services.values() if _effect(app, s, test)]

    return fits


def _effect(app: App, service: Service, test: Test) -> Effect | None:
    known = _described(app)
    return next((e for e in service.effects if test(e) and e.flag in known), None)


def _variant(flag: Json, off: Sequence[str]) -> str:
    """The variant that does most: "on", or else the one with the greatest number."""
    names = [name for name in flag["variants"] if name not in off and name != "off"]

    def size(name: str) -> float:
        value = flag["variants"][name]
        return float(value) if isinstance(value, int | float) else 0.0

    return "on" if "on" in names else max(names, key=size)


def _set(app: App, name: str, off: Sequence[str]) -> Sequence[Change]:
    flags = app.flags
    assert flags is not None
    variant = _variant(_described(app)[name], off)
    place = re.compile(rf'("{re.escape(name)}"\s*:\s*\{{.*?"defaultVariant"\s*:\s*)"[^"]*"', re.S)

    def breaks(item: Json) -> None:
        text = item["data"][flags.key]
        item["data"][flags.key] = place.sub(rf'\g<1>"{variant}"', text, count=1)

    def accepts(item: Json) -> bool:
        live = json.loads(item["data"][flags.key])["flags"].get(name, {})
        return bool(live.get("state") == "DISABLED" or live.get("defaultVariant") != variant)

    server = app.services[flags.service]
    edit = Edit("ConfigMap", flags.config_map, breaks, accepts=accepts, judged=False)
    return (edit, Restart(server.name, server.kind))


def _changes(test: Test) -> Callable[[Case], Sequence[Change]]:
    def changes(case: Case) -> Sequence[Change]:
        effect = _effect(case.app, case.service, test)
        assert effect is not None
        return _set(case.app, effect.flag, effect.off)

    return changes


def _flood(case: Case) -> Sequence[Change]:
    return _set(case.app, case.app.workload.flag, ("off",))


def _kind(
    kind: str,
    summary: str,
    causes: tuple[str, ...],
    test: Test,
    symptoms: Callable[[Case], Sequence[Symptom]],
    effect: str,
    harm: str = "some",
) -> Kind:
    """A flag fault: any flag with an effect of the sort on the target."""
    return Kind(
        kind,
        _FAMILY,
        summary,
        (*causes, "config.feature_flag"),
        _fits(test),
        _changes(test),
        symptoms,
        effect=effect,
        blame=lambda case: (case.workload, case.ref("ConfigMap", _map(case.app))),
        harm=harm,
        repairs=lambda case: (
            Repair("change", case.ref("ConfigMap", _map(case.app)), "turn the flag off"),
        ),
        answer=("Application", "Code Defect"),
        origin=_ORIGIN,
        settle_seconds=240,
    )


def _map(app: App) -> str:
    return app.flags.config_map if app.flags else ""


KINDS = (
    _kind(
        "flag_errors",
        "a feature flag makes requests fail",
        ("application.errors",),
        lambda e: e.error is not None,
        lambda case: (errors(case.target),),
        "answers with errors of its own",
    ),
    _kind(
        "flag_slow",
        "a feature flag makes requests slow",
        ("application.slow",),
        lambda e: e.latency_ms >= 1000,
        lambda case: (slow(case.target),),
        "answers slowly",
    ),
    _kind(
        "flag_cpu",
        "a feature flag makes the program burn CPU",
        ("resources.cpu_saturation",),
        lambda e: e.cpu_factor > 5 and not e.gc_pause_ms and not e.memory_mb_per_minute,
        lambda case: (usage("cpu", case.target),),
        "uses far more CPU",
    ),
    _kind(
        "flag_garbage_collection",
        "a feature flag makes the runtime collect garbage all the time",
        ("application.slow", "resources.cpu_saturation"),
        lambda e: e.gc_pause_ms > 0,
        lambda case: (slow(case.target),),
        "pauses again and again",
    ),
    _kind(
        "flag_memory",
        "a feature flag makes memory grow without bound",
        ("resources.memory_leak", "cache.ineffective"),
        lambda e: e.memory_mb_per_minute > 0,
        lambda case: (usage("memory", case.target),),
        "uses more and more memory",
    ),
    _kind(
        "flag_wrong_address",
        "a feature flag makes the program dial a wrong address",
        ("dependency.wrong_address",),
        lambda e: bool(e.dials),
        lambda case: (errors(case.target),),
        "cannot reach what it calls",
    ),
    _kind(
        "flag_not_ready",
        "a feature flag makes the program say that it is not ready",
        ("application.errors", "probe.readiness_misconfigured"),
        lambda e: e.not_ready,
        lambda case: (status(case.target, "NotReady"),),
        "takes itself out of its Service",
    ),
    _kind(
        "flag_slow_consumer",
        "a feature flag floods a queue and slows its consumers down",
        ("queue.consumer_lag",),
        lambda e: e.consumer_factor < 1,
        lambda case: (traffic(case.target, "up"),),
        "falls behind its queue",
        harm="",
    ),
    Kind(
        "flag_flood",
        _FAMILY,
        "a feature flag makes the users' client send many times the requests",
        ("traffic.surge", "config.feature_flag"),
        lambda app: [app.entry] if app.flags and app.workload.flag in _described(app) else [],
        _flood,
        lambda case: (traffic(f"{case.client}->{case.app.entry}", "up"),),
        effect="gets more requests than it is sized for",
        blame=lambda case: (case.workload, case.ref("ConfigMap", _map(case.app))),
        harm="some",
        answer=("Application", "Operation Error"),
        origin=_ORIGIN,
    ),
)
