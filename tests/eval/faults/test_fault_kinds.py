"""The table of kinds: complete, well described, and fitting by what an app's description says."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from copilot.model.causes import CAUSES
from eval.apps.loader import bundled_apps
from eval.apps.loader import load_app as load
from eval.apps.model import App
from eval.faults.doc import document
from eval.faults.registry import FAULTS, fault, targets
from eval.faults.truth import way_to

LEVELS = {"Hardware", "Operating System", "Virtualization", "Application"}
TYPES = {
    "Misconfiguration", "Code Defect", "Authentication Issue", "Network/Storage Issue",
    "Operation Error", "Dependency Problem",
}  # fmt: skip
AIOPSLAB = (
    "k8s_target_port-misconfig", "auth_miss_mongodb", "revoke_auth_mongodb", "misconfig_app_hotel_res",
    "user_unregistered_mongodb", "scale_pod_zero_social_net", "assign_to_non_existent_node_social_net",
    "redeploy_without_PV", "wrong_bin_usage", "container_kill", "pod_failure_hotel_res",
    "pod_kill_hotel_res", "network_loss_hotel_res", "network_delay_hotel_res", "astronomy_shop",
    "flower_node_stop", "flower_model_misconfig", "disk_woreout", "overload_replicas",
    "non_existent_storage", "invalid_affinity_toleration", "security_context_fault",
    "wrong_update_strategy",
)  # fmt: skip
"""The kinds of AIOpsLab's registry, the commented-out ones too (kernel_fault needs a broken kernel)."""


BOOKSHOP = str(Path(__file__).parent / "apps" / "bookshop.yaml")
load_app = functools.cache(load)


def _some_cases(app: App) -> list[tuple[str, str]]:
    """Each kind on the first and the last service that it fits, whose descriptions differ most."""
    ends = ((kind, targets(kind, app)) for kind in FAULTS)
    return [(kind, name) for kind, fits in ends for name in dict.fromkeys((*fits[:1], *fits[-1:]))]


class _Nowhere:
    """Truth and symptoms need no environment."""

    namespace = ""


def test_there_are_more_than_sixty_kinds_in_families() -> None:
    assert len(FAULTS) >= 60
    assert all(name == kind.kind for name, kind in FAULTS.items())
    assert len({kind.summary for kind in FAULTS.values()}) == len(FAULTS)


@pytest.mark.parametrize("known", AIOPSLAB)
def test_each_kind_of_aiopslab_is_covered(known: str) -> None:
    assert any(
        f"AIOpsLab {known}" in kind.origin or f" {known}" in kind.origin for kind in FAULTS.values()
    )


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_fits_an_app(kind: str) -> None:
    assert any(targets(kind, load_app(app)) for app in (*bundled_apps(), BOOKSHOP))


@pytest.mark.parametrize("name", bundled_apps())
def test_the_truth_is_complete(name: str) -> None:
    app = load_app(name)
    for kind, target in _some_cases(app):
        broken = fault(kind, app)
        truth = broken.expected(_Nowhere(), target)  # type: ignore[arg-type]
        assert truth.objects, kind
        assert set(truth.causes) <= set(CAUSES), kind
        assert truth.system_level in LEVELS, kind
        assert truth.fault_type in TYPES, kind
        assert bool(truth.repairs) == truth.mitigable, kind
        assert broken.symptoms(_Nowhere(), target), kind  # type: ignore[arg-type]
        assert set(truth.services) <= set(app.services), kind
        assert truth.chain[0].object == truth.objects[0], kind
        if broken.harm and way_to(app, target):
            assert truth.chain[-1].object.name == app.entry, kind
        assert set(broken.unfit) <= {"emulator", "kube"}, kind


def test_aiopslabs_answers() -> None:
    hotel, social = load_app("hotel_reservation"), load_app("social_network")

    def answer(app: App, kind: str, target: str) -> tuple[str, str, tuple[str, ...]]:
        truth = fault(kind, app).expected(_Nowhere(), target)  # type: ignore[arg-type]
        return truth.system_level, truth.fault_type, truth.services

    virtual, application = "Virtualization", "Application"
    assert answer(social, "service_target_port", "user-service") == (
        virtual, "Misconfiguration", ("user-service",)
    )  # fmt: skip
    assert answer(social, "scale_to_zero", "user-service")[:2] == (virtual, "Operation Error")
    assert answer(social, "node_selector_missing_node", "user-service")[:2] == (
        virtual, "Dependency Problem"
    )  # fmt: skip
    assert answer(hotel, "revoke_database_login", "mongodb-geo") == (
        application, "Authentication Issue", ("mongodb-geo", "geo")
    )  # fmt: skip
    assert answer(hotel, "database_user_missing", "mongodb-rate")[:2] == (
        application, "Network/Storage Issue"
    )  # fmt: skip
    assert answer(hotel, "buggy_build", "geo") == (application, "Misconfiguration", ("geo",))
    assert answer(hotel, "wrong_command", "profile")[:2] == (application, "Network/Storage Issue")
    assert answer(hotel, "redeploy_over_old_volumes", "mongodb-geo")[:2] == (
        virtual, "Operation Error"
    )  # fmt: skip
    assert answer(social, "database_requires_tls", "url-shorten-mongodb") == (
        application, "Misconfiguration", ("url-shorten-mongodb",)
    )  # fmt: skip


def test_targets_fit() -> None:
    hotel, social = load_app("hotel_reservation"), load_app("social_network")
    assert {"user-service", "text-service", "post-storage-service"} <= set(
        targets("service_target_port", social)
    )
    # gRPC addresses come from the registry there: a Service's port matters to nobody but users
    assert targets("service_target_port", hotel) == ["frontend"]
    assert targets("revoke_database_login", hotel) == ["mongodb-geo", "mongodb-rate"]
    assert targets("revoke_database_login", social) == []
    assert targets("configmap_missing", social)
    assert targets("flag_errors", social) == []


def test_unknown_names_are_refused() -> None:
    app = load_app("hotel_reservation")
    with pytest.raises(ValueError, match=", ".join(FAULTS)):
        fault("meteor", app)
    with pytest.raises(ValueError, match="unknown fault"):
        targets("meteor", app)
    with pytest.raises(ValueError, match='no service "moon": frontend'):
        fault("scale_to_zero", app).expected(_Nowhere(), "moon")  # type: ignore[arg-type]


def test_the_list_of_kinds_is_up_to_date() -> None:
    written = Path(__file__).parents[3] / "docs" / "faults.md"
    assert written.read_text("utf-8") == document()
