from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest
from cryptography import x509

from connectors.api.values import Json
from eval.apps.loader import bundled_apps, load_app
from eval.apps.manifests import WORKLOADS, manifests
from eval.apps.model import Init
from eval.apps.programs import cron_job_of, images, init_of, program_of, variant_of
from tests.eval.apps.test_app_example import documented_app

_SOURCES = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)


def _pod(workload: Json) -> Json:
    spec: Json = workload["spec"]
    return spec["template"]["spec"] if "template" in spec else spec


def _by_kind(app_name: str) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    for item in manifests(load_app(app_name)):
        found.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    return found


@pytest.mark.parametrize("name", bundled_apps())
def test_every_service_has_a_workload_that_its_service_selects(name: str) -> None:
    app, items = load_app(name), _by_kind(name)
    workloads = {key: item for kind in WORKLOADS for key, item in items.get(kind, {}).items()}
    assert set(workloads) == set(app.services)
    assert set(items["Service"]) == {s.name for s in app.services.values() if s.ports}
    for key, service in items["Service"].items():
        pod = workloads[key] if app.runtime == "docker" else workloads[key]["spec"]["template"]
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        declared = {p["containerPort"] for p in _pod(workloads[key])["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= declared


@pytest.mark.parametrize("name", bundled_apps())
def test_what_an_object_refers_to_comes_before_it(name: str) -> None:
    seen: set[tuple[str, str]] = set()
    for item in manifests(load_app(name)):
        if item["kind"] in WORKLOADS:
            for volume in _pod(item).get("volumes", []):
                for key, kind, field in _SOURCES:
                    if key in volume:
                        assert (kind, volume[key][field]) in seen
        seen.add((item["kind"], item["metadata"]["name"]))
    assert ("Namespace", load_app(name).namespace) in seen


def test_api_versions_follow_the_server(tmp_path: Path) -> None:
    app = documented_app(tmp_path)
    for minor, versions in (
        (20, {"batch/v1beta1", "policy/v1beta1"}),
        (31, {"batch/v1", "policy/v1"}),
    ):
        kinds = ("CronJob", "PodDisruptionBudget")
        assert {
            i["apiVersion"] for i in manifests(app, minor=minor) if i["kind"] in kinds
        } == versions


def test_secrets_come_before_the_variables_that_use_them(tmp_path: Path) -> None:
    items = manifests(documented_app(tmp_path))
    api = next(i for i in items if i["kind"] == "Deployment" and i["metadata"]["name"] == "api")
    names = [variable["name"] for variable in _pod(api)["containers"][0]["env"]]
    assert names.index("DB_PASSWORD") < names.index("DB_URL")


def test_a_stateful_set_makes_its_claims_from_volumes_of_its_own(tmp_path: Path) -> None:
    app = documented_app(tmp_path)
    database = dataclasses.replace(app.services["database"], replicas=2)
    app = dataclasses.replace(app, services={**app.services, "database": database})
    items = manifests(app)
    volumes = [i["metadata"]["name"] for i in items if i["kind"] == "PersistentVolume"]
    assert volumes == ["database-pv-0", "database-pv-1"]
    workload = next(i for i in items if i["kind"] == "StatefulSet")
    assert [c["metadata"]["name"] for c in workload["spec"]["volumeClaimTemplates"]] == [
        "database-pvc"
    ]
    assert "volumes" not in _pod(workload)


def test_an_init_container_that_reads_may_do_so(tmp_path: Path) -> None:
    app = documented_app(tmp_path)
    reader = Init("read", reads="api-config")
    api = dataclasses.replace(app.services["api"], init=(reader,))
    items = manifests(dataclasses.replace(app, services={**app.services, "api": api}))
    role = next(i for i in items if i["kind"] == "Role")
    assert role["rules"][0]["resourceNames"] == ["api-config"]
    binding = next(i for i in items if i["kind"] == "RoleBinding")
    deployment = next(
        i for i in items if i["kind"] == "Deployment" and i["metadata"]["name"] == "api"
    )
    assert binding["subjects"][0]["name"] == _pod(deployment)["serviceAccountName"]


def test_an_ingress_has_a_certificate_for_its_host(tmp_path: Path) -> None:
    items = manifests(documented_app(tmp_path))
    secret = next(i for i in items if i["metadata"]["name"] == "bookshop-tls")
    assert secret["type"] == "kubernetes.io/tls"
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["books.example.com"]
    assert secret in manifests(documented_app(tmp_path))


def test_containers_of_a_host_share_a_node_and_stay_ended() -> None:
    for pod in _by_kind("flower")["Pod"].values():
        assert pod["spec"]["restartPolicy"] == "Never"
        assert "podAffinity" in pod["spec"]["affinity"]


def test_volumes_and_scripts_are_mounted() -> None:
    items = _by_kind("hotel_reservation")
    pod = items["Deployment"]["mongodb-geo"]["spec"]["template"]["spec"]
    assert {"persistentVolumeClaim": {"claimName": "geo-pvc"}, "name": "geo-pvc"} in pod["volumes"]
    assert items["PersistentVolumeClaim"]["geo-pvc"]["spec"]["storageClassName"] == "geo-storage"
    assert "mongo-geo-script" in items["ConfigMap"]


def test_no_manifest_speaks_of_faults() -> None:
    text = str([manifests(load_app(n)) for n in ("hotel_reservation", "social_network")]).lower()
    for word in ("revoke", "failure-admin", "inject", "chaos", "fault"):
        assert word not in text


def test_a_program_is_known_by_image_and_command() -> None:
    app = load_app("hotel_reservation")
    profile = manifests(app)
    container = next(
        i["spec"]["template"]["spec"]["containers"][0]
        for i in profile
        if i["kind"] == "Deployment" and i["metadata"]["name"] == "profile"
    )
    assert program_of(app, container) is app.services["profile"]
    assert program_of(app, {**container, "command": ["geo"]}) is app.services["geo"]
    assert program_of(app, {**container, "image": "other:1"}) is None
    assert container["image"] in images(app)


def test_stores_with_one_image_are_told_apart() -> None:
    app = load_app("hotel_reservation")
    container = {"name": "hotel-reserv-rate-mongo", "image": "mongo:4.4.6"}
    assert program_of(app, container) is app.services["mongodb-rate"]


def test_another_build_takes_the_place_of_the_service_that_its_pod_is_of() -> None:
    app = load_app("hotel_reservation")
    container = {"name": "hotel-reserv-geo", "image": "yinfangchen/geo:app3", "command": ["geo"]}
    assert program_of(app, container) is app.services["geo"]
    assert variant_of(app, container) is app.variants["yinfangchen/geo:app3"]
    store = {"name": "hotel-reserv-rate-mongo", "image": "mongo:8.0.14-rc0"}
    assert program_of(app, store) is app.services["mongodb-rate"]
    assert variant_of(app, {"image": "mongo:4.4.6"}) is None
    assert set(app.variants) <= images(app)


def test_labels_tell_stores_of_one_image_apart() -> None:
    app = load_app("train_ticket")
    container = {"name": "mongo", "image": "mongo:4.4.15"}
    for name in ("ts-order-mongo", "ts-user-mongo"):
        assert program_of(app, container, {"app": name}) is app.services[name]


def test_helpers_are_known_by_name_and_image(tmp_path: Path) -> None:
    app = documented_app(tmp_path)
    found = init_of(app, {"name": "wait-for-database", "image": "busybox:1.36"}, {"app": "api"})
    assert found is app.services["api"].init[0]
    assert init_of(app, {"name": "wait-for-database", "image": "other"}) is None
    report = {"name": "nightly-report", "image": "bookshop/report:1.0"}
    assert cron_job_of(app, report) is app.cron_jobs["nightly-report"]
    assert "bookshop/report:1.0" in images(app)
