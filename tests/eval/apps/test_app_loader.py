from __future__ import annotations

from pathlib import Path

import pytest

from eval.apps.loader import AppError, bundled_apps, load_app
from eval.apps.model import App

SMALL = """
name: shop
namespace: shop
label: app
entry: web
workload: {mix: [{operation: /buy, share: 1}]}
services:
  web:
    image: shop/web:1
    language: go
    ports: [8080]
    operations:
      /buy:
        calls:
          - {to: stock, operation: take}
  stock:
    image: shop/stock:1
    ports: [{port: 9000, name: rpc}]
    operations:
      take: {latency_ms: 3}
"""


def _load(folder: Path, text: str) -> App:
    path = folder / "shop.yaml"
    path.write_text(text)
    return load_app(path)


def test_bundled_apps_load() -> None:
    assert bundled_apps() == ["hotel_reservation", "social_network"]
    for name in bundled_apps():
        app = load_app(name)
        assert app.exposure()[app.entry] == pytest.approx(1.0)


def test_hotel_is_as_in_the_reference() -> None:
    app = load_app("hotel_reservation")
    assert (app.namespace, app.label) == ("test-hotel-reservation", "io.kompose.service")
    ports = {s.name: s.ports[0].port for s in app.services.values()}
    assert (ports["geo"], ports["rate"], ports["profile"], ports["frontend"]) == (
        8083,
        8084,
        8081,
        5000,
    )
    assert app.services["geo"].container_name == "hotel-reserv-geo"
    assert [c.name for c in app.clients("mongodb-geo")] == ["geo"]


def test_social_is_as_in_the_reference() -> None:
    app = load_app("social_network")
    assert (app.namespace, app.label) == ("test-social-network", "app")
    assert app.services["user-service"].ports[0].port == 9090
    assert all(s.readiness is None and s.liveness is None for s in app.services.values())


def test_an_app_from_any_folder(tmp_path: Path) -> None:
    app = _load(tmp_path, SMALL)
    assert app.services["web"].operations["/buy"].calls[0][0].to == "stock"
    assert app.exposure() == {"web": 1.0, "stock": 1.0}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("to: stock", "to: stok", 'no "stok"; did you mean "stock"?'),
        ("operation: take}", "operation: tak}", 'did you mean "take"?'),
        ("entry: web", "entry: wbe", 'did you mean "web"?'),
        ("latency_ms: 3", "latency: 3", "services.stock.operations.take.latency"),
        ("ports: [8080]", "ports: [http]", "services.web.ports.0"),
        ("    ports: [8080]\n", "", "needs at least one port"),
        ("label: app\n", "", "label"),
        ("name: shop", "name: [shop", "not valid YAML"),
    ],
)
def test_a_wrong_app_gives_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SMALL
    with pytest.raises(AppError) as caught:
        _load(tmp_path, SMALL.replace(old, new, 1))
    text = str(caught.value)
    assert says in text
    assert "shop.yaml" in text
    assert "\n" not in text


def test_an_unknown_app_names_the_known_ones() -> None:
    with pytest.raises(AppError, match="hotel_reservation, social_network"):
        load_app("hotel")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        load_app(tmp_path / "none.yaml")
