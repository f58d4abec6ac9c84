"""Suites that follow by rule from the kinds of faults and the apps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from eval.apps.loader import bundled_apps
from eval.faults.registry import FAULTS, targets
from eval.problems import UNTIL_PAGED, Broken, Problem, Task
from eval.suites.apps import app_of

Suite = tuple[Problem, ...]

_APART = 61.0
_KUBERNETES_APPS = ("hotel_reservation", "social_network", "astronomy_shop", "train_ticket")
_SMOKE = (
    "k8s_target_port-misconfig-detection-1",
    "k8s_target_port-misconfig-mitigation-1",
    "scale_pod_zero_social_net-localization-1",
    "assign_to_non_existent_node_social_net-analysis-1",
    "misconfig_app_hotel_res-mitigation-1",
    "revoke_auth_mongodb-localization-1",
    "redeploy_without_PV-detection-1",
    "network_delay_hotel_res-detection-1",
    "astronomy_shop_payment_service_failure-localization-1",
    "flower_node_stop-detection",
    "noop_detection_hotel_reservation-1",
    "noop_detection_astronomy_shop-1",
)
_PAIRED = (
    "service_target_port", "scale_to_zero", "wrong_image", "memory_limit_too_low",
    "readiness_probe_wrong_port", "init_waits_for_ever", "service_account_missing",
    "quota_pods",
)  # fmt: skip


def smoke(known: Suite) -> Suite:
    """Twelve problems of AIOpsLab's: each task, each app, healthy ones too."""
    by_id = {problem.id: problem for problem in known}
    return tuple(by_id[name] for name in _SMOKE)


def twins(known: Suite) -> Suite:
    """Detection on each incident and on a healthy app; each twin at another time of the day."""
    found: list[Problem] = []
    incidents = [p for p in known if p.task is Task.DETECTION and p.faulty]
    for number, problem in enumerate(incidents):
        seconds = UNTIL_PAGED + _APART * number
        twin = replace(problem, id=f"{problem.id}-twin", faults=(), settle_seconds=seconds)
        found += [problem, twin]
    return tuple(found)


def sregym() -> Suite:
    """Each kind known from SREGym on the first service of each app that it fits."""
    found = []
    for app in _KUBERNETES_APPS:
        for kind in FAULTS.values():
            places = kind.targets(app_of(app)) if "SREGym" in kind.origin else []
            task = Task.END_TO_END if kind.mitigable else Task.LOCALIZATION
            found += [
                Problem(f"sregym/{app}/{kind.kind}", task, app, (Broken(kind.kind, target),))
                for target in places[:1]
            ]
    return tuple(found)


def compound() -> Suite:
    """Pairs of kinds on two services of an app."""
    found = []
    for app in _KUBERNETES_APPS[:3]:
        loaded = app_of(app)
        for one, other in itertools.pairwise((*_PAIRED, _PAIRED[0])):
            first, second = targets(one, loaded), targets(other, loaded)
            places = [t for t in second if not first or t != first[0]]
            if first and places:
                faults = (Broken(one, first[0]), Broken(other, places[-1]))
                name = f"compound/{app}/{one}+{other}"
                found += [
                    Problem(f"{name}/{task}", task, app, faults)
                    for task in (Task.LOCALIZATION, Task.MITIGATION)
                ]
    return tuple(found)


def noise() -> Suite:
    """Incidents and healthy apps among harmless oddities."""
    found = []
    for number, app in enumerate(_KUBERNETES_APPS):
        loaded = app_of(app)
        for kind in _PAIRED:
            for target in targets(kind, loaded)[:1]:
                faults = (Broken(kind, target),)
                found += [
                    Problem(f"noise/{app}/{kind}/{task}", task, app, faults, noise=number)
                    for task in (Task.DETECTION, Task.LOCALIZATION)
                ]
        found += _quiet("noise", app, range(4), noisy=True)
    return tuple(found)


def healthy() -> Suite:
    """Each app when nothing is wrong: at three times, and with three sets of oddities."""
    found: list[Problem] = []
    for app in bundled_apps():
        found += _quiet("healthy", app, range(3), noisy=False)
        if app in _KUBERNETES_APPS:
            found += _quiet("healthy", app, range(3, 6), noisy=True)
    return tuple(found)


def _quiet(prefix: str, app: str, numbers: Iterable[int], *, noisy: bool) -> list[Problem]:
    return [
        Problem(
            f"{prefix}/{app}/healthy-{number}",
            Task.DETECTION,
            app,
            noise=number if noisy else None,
            settle_seconds=UNTIL_PAGED + _APART * number,
        )
        for number in numbers
    ]
