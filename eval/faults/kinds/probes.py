"""Faults of probes and init containers: Kubernetes itself keeps a sound program from serving."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Change
from eval.faults.edits import container, down, spec
from eval.faults.fits import deployment, listens, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import event, status, usage

_PROBE, _INIT = "probe", "init"
_OLD_SERVE = "does not get its new revision up; the old pods go on serving"
_RESTARTS = "is killed and restarted again and again"
_WRONG = 8090


def _tcp(port: int, **more: int) -> Json:
    return {"tcpSocket": {"port": port}, **more}


def _own(case: Case) -> int:
    return next(port.number for port in case.service.ports if port.protocol == "TCP")


def _set(case: Case, name: str, probe: Json, *, fresh: bool = False) -> Sequence[Change]:
    return (container(case, lambda main: main.update({name: probe}), fresh=fresh),)


def _readiness_port(case: Case) -> Sequence[Change]:
    return _set(case, "readinessProbe", _tcp(_WRONG, periodSeconds=5, failureThreshold=2))


def _has_path(app: App, service: Service) -> bool:
    return bool(service.readiness and "httpGet" in service.readiness)


def _path(case: Case) -> str:
    return case.pick(("/ready/full", "/healthz/ready", "/status/readiness"))


def _readiness_path(case: Case) -> Sequence[Change]:
    def breaks(main: Json) -> None:
        main["readinessProbe"]["httpGet"]["path"] = _path(case)

    return (container(case, breaks),)


def _liveness_port(case: Case) -> Sequence[Change]:
    probe = _tcp(_WRONG, periodSeconds=5, failureThreshold=2)
    return _set(case, "livenessProbe", probe, fresh=True)


def _liveness_hasty(case: Case) -> Sequence[Change]:
    probe = _tcp(_own(case), initialDelaySeconds=0, periodSeconds=1, failureThreshold=1)
    return _set(case, "livenessProbe", probe, fresh=True)


def _startup_port(case: Case) -> Sequence[Change]:
    return _set(case, "startupProbe", _tcp(_WRONG, periodSeconds=2, failureThreshold=5), fresh=True)


def _init(case: Case, name: str, command: str) -> Sequence[Change]:
    step = {"name": name, "image": case.service.image, "command": ["sh", "-c", command]}

    def breaks(pod: Json) -> None:
        # before the others: whatever they wait for comes later
        pod["initContainers"] = [step, *(pod.get("initContainers") or ())]

    return (spec(case, breaks, fresh=True),)


def _waits(case: Case) -> Sequence[Change]:
    name = named(case, "config")
    command = f"until getent hosts {name}; do echo waiting for {name}; sleep 2; done"
    return _init(case, "wait-for-config", command)


def _fails(case: Case) -> Sequence[Change]:
    return _init(case, "prepare", "exit 1")


KINDS = (
    Kind(
        "readiness_probe_wrong_port",
        _PROBE,
        "the readiness probe asks at a port on which nobody listens",
        ("probe.readiness_misconfigured",),
        needed(deployment, listens),
        _readiness_port,
        lambda case: (
            status(case.target, "NotReady"),
            event(case.target, "Unhealthy", "Readiness probe failed"),
        ),
        effect=_OLD_SERVE,
        harm="",
        origin="SREGym readiness_probe_misconfiguration; ITBench 49",
    ),
    Kind(
        "readiness_probe_wrong_path",
        _PROBE,
        "the readiness probe asks for a page that the program does not have",
        ("probe.readiness_misconfigured",),
        needed(deployment, listens, _has_path),
        _readiness_path,
        lambda case: (
            status(case.target, "NotReady"),
            event(case.target, "Unhealthy", "statuscode: 404"),
        ),
        effect=_OLD_SERVE,
        harm="",
        origin="SREGym readiness_probe_misconfiguration (variant)",
    ),
    Kind(
        "liveness_probe_wrong_port",
        _PROBE,
        "the liveness probe asks at a port on which nobody listens",
        ("probe.liveness_misconfigured",),
        needed(deployment, listens),
        _liveness_port,
        lambda case: (
            event(case.target, "Unhealthy", "Liveness probe failed"),
            event(case.target, "Killing"),
            usage("restarts", case.target),
        ),
        effect=_RESTARTS,
        harm="some",
        origin="SREGym liveness_probe_misconfiguration",
        settle_seconds=270,
    ),
    Kind(
        "liveness_probe_too_aggressive",
        _PROBE,
        "the liveness probe gives the program no time to start",
        ("probe.liveness_misconfigured",),
        needed(deployment, listens, lambda app, s: s.ready_after_seconds >= 1.5),
        _liveness_hasty,
        lambda case: (
            event(case.target, "Unhealthy", "Liveness probe failed"),
            usage("restarts", case.target),
        ),
        effect=_RESTARTS,
        harm="some",
        origin="SREGym liveness_probe_too_aggressive",
        settle_seconds=270,
        unfit={"kube": "the stand-in programs start faster than the first probe comes"},
    ),
    Kind(
        "startup_probe_wrong_port",
        _PROBE,
        "the startup probe asks at a port on which nobody listens",
        ("probe.startup_misconfigured",),
        needed(deployment, listens),
        _startup_port,
        lambda case: (
            event(case.target, "Unhealthy", "Startup probe failed"),
            status(case.target, "NotReady"),
        ),
        effect=_RESTARTS,
        harm="some",
        origin="SREGym liveness_probe_misconfiguration (variant)",
        settle_seconds=270,
    ),
    Kind(
        "init_waits_for_ever",
        _INIT,
        "an init container waits for a name that will never resolve",
        ("init.stuck",),
        needed(deployment),
        _waits,
        lambda case: (status(case.target, "PodInitializing"), *down(case)),
        effect="does not start",
        origin="SREGym init_container_dependency_hang; ITBench 45",
    ),
    Kind(
        "init_fails",
        _INIT,
        "an init container fails",
        ("init.failing",),
        needed(deployment),
        _fails,
        lambda case: (status(case.target, "Init:CrashLoopBackOff"), *down(case)),
        effect="does not start",
        origin="ITBench 59",
    ),
)
