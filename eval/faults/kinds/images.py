"""Faults of images: they cannot be pulled, or what is in them does not work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from copilot.model.scope import ObjectRef
from eval.apps.model import App, Service, Variant
from eval.apps.programs import images
from eval.faults.case import Case
from eval.faults.changes import Change, Edit
from eval.faults.edits import container, users_fail
from eval.faults.fits import deployment, needed, of_many, program
from eval.faults.kind import Kind
from eval.faults.symptoms import event, log, status
from eval.protocols import Repair, Symptom

_FAMILY = "image"
_STUCK = "does not get its new revision up; the old pods go on serving"
_CORRELATED = 3


def _tagged(image: str, tag: str) -> str:
    repository = image.rsplit(":", 1)[0] if ":" in image.rsplit("/", 1)[-1] else image
    return f"{repository}:{tag}"


def _set(image: str, case: Case, *, fresh: bool = False) -> Edit:
    return container(case, lambda item: item.update(image=image), fresh=fresh, exact=True)


def _unknown_tag(case: Case) -> Sequence[Change]:
    numbers = [case.number(part, 0, high) for part, high in (("a", 2), ("b", 19), ("c", 9))]
    tag = f"v{1 + numbers[0]}.{numbers[1]}.{numbers[2]}"
    while _tagged(case.service.image, tag) in images(case.app):
        tag += "1"
    return (_set(_tagged(case.service.image, tag), case),)


def _unknown_host(case: Case) -> Sequence[Change]:
    host = case.pick(("registry.corp.internal", "harbor.build.internal", "docker.mirror.internal"))
    image = case.service.image.rsplit("/", 1)[-1]
    return (_set(f"{host}/{image}", case),)


def _several(case: Case, fits: Callable[[App], Sequence[str]]) -> list[Case]:
    """The target and the two services after it."""
    names = fits(case.app)
    start = names.index(case.target) if case.target in names else 0
    return [Case(case.app, name, case.seed) for name in names[start : start + _CORRELATED]]


_PROGRAMS = needed(deployment, program)


def _correlated(case: Case) -> Sequence[Change]:
    tag = f"build-{case.number('build', 1041, 9876)}"
    return [_set(_tagged(c.service.image, tag), c) for c in _several(case, _PROGRAMS)]


def _pull_symptoms(case: Case) -> Sequence[Symptom]:
    return (status(case.target, "ImagePullBackOff"), event(case.target, "Failed"))


def _variants(app: App, test: Callable[[Variant], bool]) -> dict[str, list[str]]:
    """The other builds that pass a test, and the services whose place they take."""
    return {image: list(v.services) for image, v in app.variants.items() if test(v)}


def _buggy(variant: Variant) -> bool:
    return bool(variant.dials)


def _ending(variant: Variant) -> bool:
    return variant.exits is not None


def _has(test: Callable[[Variant], bool]) -> Callable[[App, Service], bool]:
    return lambda app, s: any(s.name in names for names in _variants(app, test).values())


def _variant_image(case: Case, test: Callable[[Variant], bool]) -> str:
    found = _variants(case.app, test)
    return next(image for image, names in found.items() if case.target in names)


def _upgraded(case: Case) -> list[Case]:
    """The stores that are moved to the new version together."""
    image = _variant_image(case, _ending)
    exposed = needed(_has(_ending))(case.app)
    names = [n for n in case.app.variants[image].services if n in exposed and n != case.target]
    return [Case(case.app, name, case.seed) for name in [case.target, *names[: _CORRELATED - 1]]]


def _upgrade(case: Case) -> Sequence[Change]:
    image = _variant_image(case, _ending)
    return [_set(image, each, fresh=True) for each in _upgraded(case)]


def _workloads(cases: Sequence[Case]) -> Sequence[ObjectRef]:
    return tuple(case.workload for case in cases)


def _back(case: Case) -> Sequence[Repair]:
    return (
        Repair("roll_back", case.workload, "return to the revision before"),
        Repair("change", case.workload, f"set the image to {case.service.image}"),
    )


KINDS = (
    Kind(
        "wrong_image",
        _FAMILY,
        "the image's tag does not exist",
        ("image.not_found",),
        needed(),
        _unknown_tag,
        _pull_symptoms,
        effect=_STUCK,
        harm="",
        repairs=_back,
        origin="SREGym incorrect_image; ITBench 20, 56",
    ),
    Kind(
        "image_registry_unknown",
        _FAMILY,
        "the image is to come from a registry whose name does not resolve",
        ("image.registry_unreachable", "image.not_found"),
        needed(deployment),
        _unknown_host,
        _pull_symptoms,
        effect=_STUCK,
        harm="",
        repairs=_back,
        origin="SREGym incorrect_image (variant)",
    ),
    Kind(
        "wrong_image_correlated",
        _FAMILY,
        "several services are given one build tag that does not exist",
        ("image.not_found",),
        of_many(_PROGRAMS, _CORRELATED),
        _correlated,
        lambda case: [s for each in _several(case, _PROGRAMS) for s in _pull_symptoms(each)],
        effect=_STUCK,
        blame=lambda case: _workloads(_several(case, _PROGRAMS)),
        localization=lambda case: [each.target for each in _several(case, _PROGRAMS)],
        affected=lambda case: [each.target for each in _several(case, _PROGRAMS)],
        harm="",
        origin="SREGym faulty_image_correlated",
    ),
    Kind(
        "buggy_build",
        _FAMILY,
        "a new build dials its dependency at a wrong address",
        ("dependency.wrong_address", "workload.bad_rollout"),
        needed(deployment, _has(_buggy)),
        lambda case: (_set(_variant_image(case, _buggy), case, fresh=True),),
        lambda case: (status(case.target, "CrashLoopBackOff"), users_fail(case)),
        effect="cannot reach what it needs",
        repairs=_back,
        answer=("Application", "Misconfiguration"),
        origin="AIOpsLab misconfig_app_hotel_res",
    ),
    Kind(
        "incompatible_version",
        _FAMILY,
        "stores are moved to a version that cannot work with their data",
        ("image.incompatible_version", "workload.bad_rollout"),
        needed(deployment, _has(_ending)),
        _upgrade,
        lambda case: (
            status(case.target, "CrashLoopBackOff"),
            event(case.target, "BackOff"),
            log(case.target, r"(?i)version|compatib|upgrade"),
            users_fail(case),
        ),
        effect="ends when it starts",
        blame=lambda case: _workloads(_upgraded(case)),
        localization=lambda case: [each.target for each in _upgraded(case)],
        affected=lambda case: [each.target for each in _upgraded(case)],
        repairs=lambda case: (Repair("change", case.workload, f"image {case.service.image}"),),
        origin="SREGym update_incompatible_correlated",
    ),
)
