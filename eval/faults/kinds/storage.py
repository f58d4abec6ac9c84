"""Faults of storage: claims that are not bound, volumes that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Change, Edit
from eval.faults.cluster_changes import Reclaim
from eval.faults.edits import down, spec
from eval.faults.fits import deployment, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import event, obj, status
from eval.protocols import Repair, Symptom

_FAMILY = "storage"
_WAITS = "waits for its volume"


def _claim(case: Case) -> str:
    return next(mount.claim for mount in case.service.mounts if mount.claim)


def _has_claim(app: App, service: Service) -> bool:
    return any(mount.claim and mount.claim in app.volumes for mount in service.mounts)


def _missing(case: Case) -> Sequence[Change]:
    old, new = _claim(case), f"{_claim(case)}-{case.pick(('data', 'v2', 'restored'))}"

    def breaks(pod: Json) -> None:
        for volume in pod["volumes"]:
            reference = volume.get("persistentVolumeClaim")
            if reference and reference["claimName"] == old:
                reference["claimName"] = new

    return (spec(case, breaks, fresh=True, exact=True),)


def _released(case: Case) -> Sequence[Change]:
    return (Reclaim(_claim(case), case.target),)


def _all_released(case: Case) -> Sequence[Change]:
    """Every claim of the app is made anew, as by a deployment of the whole app over old volumes."""
    return [
        Reclaim(mount.claim, service.name)
        for service in case.app.services.values()
        for mount in service.mounts
        if mount.claim and service.kind == "Deployment"
    ]


def _class(case: Case) -> Sequence[Change]:
    name = named(case, "class")

    def breaks(claim: Json) -> None:
        claim["spec"]["storageClassName"] = name
        claim["spec"].pop("volumeName", None)

    return (Reclaim(_claim(case), case.target, breaks=breaks),)


def _size(case: Case) -> Sequence[Change]:
    def breaks(claim: Json) -> None:
        claim["spec"]["resources"]["requests"]["storage"] = "750Gi"

    return (Reclaim(_claim(case), case.target, breaks=breaks),)


def _mode(case: Case) -> Sequence[Change]:
    def breaks(claim: Json) -> None:
        claim["spec"]["accessModes"] = ["ReadWriteMany"]

    return (Reclaim(_claim(case), case.target, breaks=breaks),)


def _place(case: Case) -> Sequence[Change]:
    host = named(case, "node")

    def breaks(volume: Json) -> None:
        match = {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [match]}]}
        volume["spec"]["nodeAffinity"] = {"required": terms}

    return (Reclaim(_claim(case), case.target, volume_breaks=breaks),)


def _shared(case: Case) -> Sequence[Change]:
    """Two replicas that must be on different nodes share a volume that one node can use."""

    def breaks(item: Json) -> None:
        item["spec"]["replicas"] = 2
        own = {"labelSelector": {"matchLabels": {case.app.label: case.target}}}
        term = {**own, "topologyKey": "kubernetes.io/os"}
        item["spec"]["template"]["spec"]["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }

    return (Edit("Deployment", case.target, breaks),)


def _unbound(case: Case) -> Sequence[Symptom]:
    return (
        obj("PersistentVolumeClaim", _claim(case), "status.phase", "Pending"),
        status(case.target, "Unschedulable"),
        event(case.target, "FailedScheduling", "unbound immediate PersistentVolumeClaims"),
        *down(case),
    )


def _claim_ref(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("PersistentVolumeClaim", _claim(case)), case.workload)


def _free(case: Case) -> Sequence[Repair]:
    volume = case.ref("PersistentVolume", _claim(case).removesuffix("-pvc") + "-pv")
    return (Repair("change", volume, "remove spec.claimRef"),)


_WITH_CLAIM = needed(deployment, _has_claim)

KINDS = (
    Kind(
        "claim_missing",
        _FAMILY,
        "the pods mount a PersistentVolumeClaim that does not exist",
        ("storage.claim_missing",),
        _WITH_CLAIM,
        _missing,
        lambda case: (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", "not found"),
            *down(case),
        ),
        effect=_WAITS,
        origin="SREGym pvc_claim_mismatch; ITBench 53",
    ),
    Kind(
        "claim_recreated",
        _FAMILY,
        "a claim was deleted and made anew, while its volume still belongs to the old one",
        ("storage.claim_unbound",),
        _WITH_CLAIM,
        _released,
        _unbound,
        effect=_WAITS,
        blame=_claim_ref,
        repairs=_free,
        origin="AIOpsLab redeploy_without_PV (one store)",
    ),
    Kind(
        "redeploy_over_old_volumes",
        _FAMILY,
        "all claims of the app were made anew, while the volumes still belong to the old ones",
        ("storage.claim_unbound",),
        lambda app: _WITH_CLAIM(app)[:1],
        _all_released,
        _unbound,
        effect=_WAITS,
        blame=lambda case: tuple(
            case.ref("PersistentVolumeClaim", change.claim)
            for change in _all_released(case)
            if isinstance(change, Reclaim)
        ),
        localization=lambda case: (),
        repairs=_free,
        origin="AIOpsLab redeploy_without_PV",
        recover_seconds=900,
    ),
    Kind(
        "storage_class_missing",
        _FAMILY,
        "the claim asks for a StorageClass that does not exist",
        ("storage.class_missing", "storage.claim_unbound"),
        _WITH_CLAIM,
        _class,
        _unbound,
        effect=_WAITS,
        blame=_claim_ref,
        repairs=lambda case: (Repair("create", _claim_ref(case)[0], "with the right class"),),
        origin="AIOpsLab non_existent_storage (TiDB, commented out)",
    ),
    Kind(
        "claim_too_large",
        _FAMILY,
        "the claim asks for more than any volume has",
        ("storage.claim_unbound",),
        _WITH_CLAIM,
        _size,
        _unbound,
        effect=_WAITS,
        blame=_claim_ref,
        origin="SREGym pvc_claim_mismatch",
    ),
    Kind(
        "claim_access_mode",
        _FAMILY,
        "the claim asks for an access mode that no volume offers",
        ("storage.claim_unbound",),
        _WITH_CLAIM,
        _mode,
        _unbound,
        effect=_WAITS,
        blame=_claim_ref,
        origin="SREGym pvc_claim_mismatch (variant)",
    ),
    Kind(
        "volume_on_other_node",
        _FAMILY,
        "the volume can only be used on a node that does not exist",
        ("storage.volume_affinity",),
        _WITH_CLAIM,
        _place,
        lambda case: (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", "volume node affinity conflict"),
            *down(case),
        ),
        effect=_WAITS,
        blame=lambda case: (
            case.ref("PersistentVolume", _claim(case).removesuffix("-pvc") + "-pv"),
            *_claim_ref(case),
        ),
        origin="SREGym persistent_volume_affinity_violation",
    ),
    Kind(
        "replicas_share_volume",
        _FAMILY,
        "a second replica must be apart from the first but shares its volume",
        ("scheduling.pod_affinity", "storage.mount_failed"),
        _WITH_CLAIM,
        _shared,
        lambda case: (
            status(case.target, "Unschedulable"),
            event(case.target, "FailedScheduling", "anti-affinity"),
        ),
        effect="has a replica that waits for a node",
        harm="",
        repairs=lambda case: (Repair("scale", case.workload, "back to one replica"),),
        origin="SREGym duplicate_pvc_mounts",
    ),
)
