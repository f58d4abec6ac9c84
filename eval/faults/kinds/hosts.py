"""Faults of processes and hosts: no Kubernetes object knows of them."""

from __future__ import annotations

from collections.abc import Sequence

from eval.apps.model import Call
from eval.faults.case import Case
from eval.faults.changes import Administer, Change, Restart
from eval.faults.edits import users_fail
from eval.faults.fits import MIN_EXPOSURE, calls_by_name, deployment, listens, made, needed, program
from eval.faults.kind import Kind
from eval.faults.symptoms import event, status, usage
from eval.protocols import Symptom

_FAMILY = "host"
_WRITES = ("insert", "update", "set")
_DATABASES = ("mongodb", "postgresql", "mysql")
_NEEDS_HOST = {"kube": "needs administration of the nodes themselves"}


def _kill(case: Case) -> Sequence[Change]:
    return (Administer(case.target, "kill", {}, ""),)


def _fail(case: Case) -> Sequence[Change]:
    return (Administer(case.target, "fail", {"seconds": "3600"}, "fail", {"seconds": "0"}),)


def _exhaust(case: Case, what: str) -> Sequence[Change]:
    given = {"what": what}
    return (Administer(case.target, "exhaust", given, "relieve", given),)


def _users(case: Case) -> Sequence[Symptom]:
    return (users_fail(case),)


def _written(case: Case) -> bool:
    """Whether a noticeable share of the users' requests writes to the store."""

    def writes(caller: str, call: Call) -> bool:
        return call.to == case.target and call.operation.lower().startswith(_WRITES)

    return made(case.app, writes) >= MIN_EXPOSURE


KINDS = (
    Kind(
        "container_kill",
        _FAMILY,
        "the main process of a container is killed, once",
        ("pod.killed",),
        needed(deployment, listens),
        _kill,
        lambda case: (usage("restarts", case.target), status(case.target, "Error")),
        effect="was restarted",
        harm="some",
        mitigable=False,
        once=True,
        origin="AIOpsLab container_kill",
    ),
    Kind(
        "pod_kill",
        _FAMILY,
        "the workload's pods are deleted, once",
        ("pod.killed",),
        needed(deployment, listens),
        lambda case: (Restart(case.target, case.kind),),
        lambda case: (event(case.target, "Killing"), event(case.target, "SuccessfulCreate")),
        effect="was replaced",
        harm="some",
        mitigable=False,
        once=True,
        origin="AIOpsLab pod_kill_hotel_res",
    ),
    Kind(
        "pod_failure",
        _FAMILY,
        "the pods' processes end and cannot start again",
        ("pod.killed", "workload.crash_on_start"),
        needed(deployment, listens),
        _fail,
        _users,
        effect="does not run",
        mitigable=False,
        unfit=_NEEDS_HOST,
        origin="AIOpsLab pod_failure_hotel_res",
        recover_seconds=900,
    ),
    Kind(
        "connections_exhausted",
        _FAMILY,
        "the node's table of tracked connections is full",
        ("node.resource_exhausted",),
        needed(deployment, listens, program),
        lambda case: _exhaust(case, "connections"),
        _users,
        effect="takes no new connections",
        mitigable=False,
        unfit=_NEEDS_HOST,
        origin="SREGym node_conntrack_exhaustion",
    ),
    Kind(
        "file_descriptors_exhausted",
        _FAMILY,
        "the program has no file descriptors left",
        ("node.resource_exhausted",),
        needed(deployment, listens, program),
        lambda case: _exhaust(case, "file_descriptors"),
        _users,
        effect="takes no new connections",
        mitigable=False,
        unfit=_NEEDS_HOST,
        origin="SREGym file_descriptor_exhaustion",
    ),
    Kind(
        "ports_exhausted",
        _FAMILY,
        "the pods have no ephemeral ports left to dial from",
        ("node.resource_exhausted",),
        needed(deployment, listens, program, calls_by_name),
        lambda case: _exhaust(case, "ports"),
        _users,
        effect="cannot dial what it calls",
        mitigable=False,
        unfit=_NEEDS_HOST,
        origin="SREGym ephemeral_port_range",
    ),
    Kind(
        "disk_full",
        _FAMILY,
        "the disk under the store is full",
        ("storage.disk_full", "storage.disk_errors"),
        needed(
            listens,
            lambda app, s: bool(s.store and s.store.engine in _DATABASES),
            lambda app, s: _written(Case(app, s.name)),
        ),
        lambda case: _exhaust(case, "disk"),
        _users,
        effect="cannot write",
        mitigable=False,
        answer=("Hardware", "Network/Storage Issue"),
        unfit=_NEEDS_HOST,
        origin="AIOpsLab disk_woreout (commented out); SREGym latent_sector_error",
    ),
    Kind(
        "shared_memory_exhausted",
        _FAMILY,
        "the pod's shared memory is full",
        ("node.resource_exhausted",),
        needed(deployment, listens, lambda app, s: bool(s.store and s.store.engine in _DATABASES)),
        lambda case: _exhaust(case, "shm"),
        _users,
        effect="fails what needs shared memory",
        mitigable=False,
        unfit=_NEEDS_HOST,
        origin="SREGym dev_shm_exhaustion",
    ),
)
