"""Faults of a workload itself: how many pods, which program, how it is rolled out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from connectors.api.values import Json
from eval.apps.model import App, Service
from eval.faults.case import Case, pod_spec
from eval.faults.changes import Change, Edit, Finalize, Remove
from eval.faults.edits import container, down
from eval.faults.fits import deployment, listens, needed, program
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import absent, event, obj, status
from eval.protocols import Repair

_FAMILY = "workload"
_NOT_RUNNING = "does not run"
_MANY = 40


def _zero(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        item["spec"]["replicas"] = 0

    return (Edit(case.kind, case.target, breaks),)


def _other_program(app: App, service: Service) -> Service | None:
    """Another service of the same image, told apart by its command.

    The same language too: on a twin every service has the same stock image.
    """
    return next(
        (
            other
            for other in app.services.values()
            if other.image == service.image
            and other.language == service.language
            and other.command
            and other.command != service.command
        ),
        None,
    )


def _other_command(case: Case) -> Sequence[Change]:
    other = _other_program(case.app, case.service)
    assert other is not None

    def breaks(item: Json) -> None:
        item.update(command=list(other.command))

    return (container(case, breaks, fresh=True, exact=True),)


def _no_command(case: Case) -> Sequence[Change]:
    command = [f"/usr/local/bin/{case.target}-server", *case.service.command[1:]]
    return (container(case, lambda item: item.update(command=command), fresh=True),)


def _sidecar(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        main = case.main(item)
        same = ("image", "command", "args", "env", "volumeMounts")
        second = {key: deepcopy(main[key]) for key in same if key in main}
        pod_spec(item)["containers"].append({"name": named(case, "sidecar"), **second})

    return (Edit(case.kind, case.target, breaks, fresh=True),)


def _overload(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        item["spec"]["replicas"] = _MANY
        # some clusters are large: what each replica asks for makes sure that they do not fit
        main = case.main(item)
        main.setdefault("resources", {}).setdefault("requests", {})["cpu"] = "4"
        main["resources"].setdefault("limits", {})["cpu"] = "4"

    def accepts(item: Json) -> bool:
        return bool(item["spec"].get("replicas", 1) < _MANY)

    return (Edit(case.kind, case.target, breaks, accepts=accepts),)


def _all_at_once(case: Case) -> Sequence[Change]:
    """All old pods may go at once, and the new ones wait in an init container for ever."""
    name = f"{case.target}-migrations"

    def breaks(item: Json) -> None:
        item["spec"]["strategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0},
        }
        wait = f"until getent hosts {name}; do echo waiting for {name}; sleep 2; done"
        pod_spec(item)["initContainers"] = [
            {"name": "wait", "image": case.service.image, "command": ["sh", "-c", wait]}
        ]

    def accepts(item: Json) -> bool:
        return all(c["name"] != "wait" for c in pod_spec(item).get("initContainers") or ())

    return (Edit(case.kind, case.target, breaks, accepts=accepts),)


KINDS = (
    Kind(
        "scale_to_zero",
        _FAMILY,
        "the workload is scaled to zero replicas",
        ("workload.scaled_to_zero",),
        needed(lambda app, s: s.kind != "DaemonSet"),
        _zero,
        lambda case: (obj(case.kind, case.target, "spec.replicas", 0), *down(case)),
        effect=_NOT_RUNNING,
        repairs=lambda case: (Repair("scale", case.workload, "scale up again"),),
        origin="AIOpsLab scale_pod_zero_social_net; ITBench 58",
    ),
    Kind(
        "workload_missing",
        _FAMILY,
        "the workload is deleted",
        ("workload.missing",),
        needed(),
        lambda case: (Remove(case.kind, case.target),),
        lambda case: (absent(case.kind, case.target), *down(case)),
        effect=_NOT_RUNNING,
        blame=lambda case: (case.workload, case.ref("Service")),
        repairs=lambda case: (Repair("create", case.workload, "create it from its manifest"),),
        origin="SREGym (baseline deployments must exist)",
    ),
    Kind(
        "wrong_command",
        _FAMILY,
        "the container's command starts another program of the same image",
        ("workload.bad_command",),
        needed(
            deployment, program, listens, lambda app, s: bool(_other_program(app, s) and s.command)
        ),
        _other_command,
        lambda case: (
            obj(
                case.kind,
                case.target,
                "spec.template.spec.containers[].command",
                list(_command_of(case)),
            ),
            down(case)[-1],
        ),
        effect="runs another program",
        answer=("Application", "Network/Storage Issue"),
        origin="AIOpsLab wrong_bin_usage",
    ),
    Kind(
        "command_not_found",
        _FAMILY,
        "the container's command does not exist in the image",
        ("workload.bad_command",),
        needed(deployment, program, lambda app, s: bool(s.command)),
        _no_command,
        lambda case: (status(case.target, "StartError"), *down(case)),
        effect=_NOT_RUNNING,
        origin="ITBench 105",
    ),
    Kind(
        "too_many_replicas",
        _FAMILY,
        "the workload wants far more replicas than the cluster has room for",
        ("workload.too_many_replicas", "resources.request_too_large"),
        needed(deployment, program, lambda app, s: s.autoscale is None),
        _overload,
        lambda case: (
            obj(case.kind, case.target, "spec.replicas", _MANY),
            event(case.target, "FailedScheduling", "Insufficient cpu"),
        ),
        effect="has pods that wait for a node",
        harm="",
        repairs=lambda case: (Repair("scale", case.workload, "scale down again"),),
        unfit={"kube": "starts as many real processes as the cluster has room for"},
        origin="AIOpsLab overload_replicas (TiDB, commented out)",
    ),
    Kind(
        "rolling_update_all_at_once",
        _FAMILY,
        "the update strategy lets all pods go at once, and the new ones do not start",
        ("workload.update_strategy", "init.stuck"),
        needed(deployment, listens),
        _all_at_once,
        lambda case: (status(case.target, "PodInitializing"), *down(case)),
        effect=_NOT_RUNNING,
        repairs=lambda case: (Repair("roll_back", case.workload, "return to the revision before"),),
        origin="SREGym rolling_update_misconfigured; AIOpsLab wrong_update_strategy (commented out)",
    ),
    Kind(
        "sidecar_port_conflict",
        _FAMILY,
        "a second container of the pod wants the port that the first one listens on",
        ("config.port_conflict",),
        needed(deployment, listens, program),
        _sidecar,
        lambda case: (status(case.target, "CrashLoopBackOff"), status(case.target, "NotReady")),
        effect="has a container that cannot start",
        harm="some",
        origin="SREGym sidecar_port_conflict",
        settle_seconds=240,
    ),
    Kind(
        "stuck_finalizer",
        _FAMILY,
        "a ConfigMap that pods mount is being deleted for ever: nobody removes its finalizer",
        ("object.stuck_terminating", "config.configmap_missing"),
        needed(deployment, lambda app, s: any(m.config_map for m in s.mounts)),
        lambda case: (Finalize("ConfigMap", _mounted(case), f"{case.target}.io/archive"),),
        lambda case: (
            obj("ConfigMap", _mounted(case), "metadata.finalizers", [f"{case.target}.io/archive"]),
        ),
        effect="",
        blame=lambda case: (case.ref("ConfigMap", _mounted(case)),),
        harm="",
        origin="SREGym finalizer_deadlock_controller",
    ),
)


def _mounted(case: Case) -> str:
    return next(m.config_map for m in case.service.mounts if m.config_map)


def _command_of(case: Case) -> tuple[str, ...]:
    other = _other_program(case.app, case.service)
    return other.command if other else ()
