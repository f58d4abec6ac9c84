"""Faults of an app whose containers run on one host: bare pods that nobody starts again."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from eval.apps.model import App
from eval.faults.case import Case
from eval.faults.changes import Change, Edit, Remove, Wait
from eval.faults.fits import anyone, needed
from eval.faults.kind import Kind
from eval.faults.kinds.configuration import garbled, key_of
from eval.faults.symptoms import absent, errors
from eval.protocols import Repair

_FAMILY = "container"


def _follower(app: App) -> Sequence[str]:
    """Everything but the entry, the needed ones first."""
    first = [name for name in needed()(app) if name != app.entry]
    return [*first, *(name for name in anyone()(app) if name not in (*first, app.entry))]


def _settings(app: App) -> Sequence[str]:
    return [s.name for s in app.services.values() if s.settings]


def _wrong_setting(case: Case) -> Sequence[Change]:
    setting = case.service.settings[0]
    name, key = key_of(case, {setting.file})

    def breaks(item: Json) -> None:
        text = item["data"][key]
        item["data"][key] = text.replace(setting.holds, garbled(setting.holds))

    def accepts(item: Json) -> bool:
        return setting.holds in (item.get("data") or {}).get(key, "")

    return (Edit("ConfigMap", name, breaks, accepts=accepts), Wait(90))


KINDS = (
    Kind(
        "container_stopped",
        _FAMILY,
        "a container was stopped and not started again",
        ("workload.missing", "pod.killed"),
        _follower,
        lambda case: (Remove("Pod", case.target),),
        lambda case: (absent("Pod", case.target),),
        effect="does not run",
        repairs=lambda case: (Repair("create", case.workload, "start it again"),),
        harm="some",
        runtime="docker",
        answer=("Virtualization", "Operation Error"),
        origin="AIOpsLab flower_node_stop",
    ),
    Kind(
        "container_wrong_setting",
        _FAMILY,
        "a file in the container holds a value that the program cannot work with",
        ("config.value_wrong",),
        _settings,
        _wrong_setting,
        lambda case: (errors(case.target),),
        blame=lambda case: (
            case.ref("ConfigMap", key_of(case, {case.service.settings[0].file})[0]),
            case.workload,
        ),
        harm="some",
        runtime="docker",
        answer=("Application", "Misconfiguration"),
        origin="AIOpsLab flower_model_misconfig",
        settle_seconds=240,
    ),
)
