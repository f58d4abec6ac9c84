from __future__ import annotations

from connectors.api.values import Json
from eval.apps.loader import load_app
from eval.apps.manifests import manifests
from eval.apps.programs import images, program_of


def _by_kind(app_name: str) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    for item in manifests(load_app(app_name)):
        found.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    return found


def test_every_service_has_a_deployment_and_a_service() -> None:
    for name in ("hotel_reservation", "social_network"):
        app, items = load_app(name), _by_kind(name)
        assert set(items["Deployment"]) == set(app.services)
        assert set(items["Service"]) == set(app.services)
        for service in items["Service"].values():
            pods = items["Deployment"][service["metadata"]["name"]]["spec"]["template"]
            assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()


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
