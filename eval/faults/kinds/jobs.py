"""Faults of scheduled jobs."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App
from eval.faults.case import Case, pod_spec
from eval.faults.changes import Change, Edit
from eval.faults.cluster_changes import EndJobs
from eval.faults.kind import Kind
from eval.faults.symptoms import event, obj, status

_FAMILY = "job"


def _entry(app: App) -> Sequence[str]:
    """A job belongs to the whole app; the entry stands for that."""
    return [app.entry] if app.cron_jobs else []


def _job(case: Case) -> str:
    return next(iter(case.app.cron_jobs))


def _ref(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("CronJob", _job(case)),)


def _image(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        for container in pod_spec(item)["containers"]:
            container["image"] = container["image"].rsplit(":", 1)[0] + ":nightly"

    return (Edit("CronJob", _job(case), breaks, exact=True), EndJobs(_job(case)))


def _suspend(case: Case) -> Sequence[Change]:
    def breaks(item: Json) -> None:
        item["spec"]["suspend"] = True

    return (Edit("CronJob", _job(case), breaks),)


KINDS = (
    Kind(
        "cronjob_image_missing",
        _FAMILY,
        "the CronJob's image does not exist",
        ("image.not_found", "job.failing"),
        _entry,
        _image,
        lambda case: (status(_job(case), "ImagePullBackOff"), event(_job(case), "Failed")),
        effect="",
        blame=_ref,
        harm="",
        origin="SREGym cronjob_sidecar_blocks_completion (variant)",
        settle_seconds=900,
    ),
    Kind(
        "cronjob_suspended",
        _FAMILY,
        "the CronJob is suspended",
        ("job.suspended",),
        _entry,
        _suspend,
        lambda case: (obj("CronJob", _job(case), "spec.suspend", True),),
        effect="",
        blame=_ref,
        harm="",
        origin="SREGym nightly_rebalance_oom (variant)",
    ),
)
