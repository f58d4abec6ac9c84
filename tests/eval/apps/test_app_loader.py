from __future__ import annotations

from pathlib import Path

import pytest

from eval.apps.loader import AppError, load_app
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


RICH = """
name: shop
namespace: shop
label: app
entry: web
workload: {mix: [{operation: /buy, share: 1}], flag: flood}
flags: {service: flagd, config_map: flags, key: flags.json}
config_maps:
  flags:
    flags.json: '{"flags": {"flood": {"variants": {"on": 10, "off": 0}, "defaultVariant": "off"}}}'
  settings: {app.ini: "size = 10"}
secrets: {login: {password: x}}
ingresses: {web: {host: shop.example.com, paths: {/: web}}}
variants: {"shop/web:bad": {services: [web], dials: {stock: "stock:1"}}}
services:
  web:
    image: shop/web:1
    ports: [8080]
    env: {STOCK: "stock:9000"}
    secret_env: {PASSWORD: {secret: login, key: password}}
    mounts: [{path: /etc/shop, config_map: settings}]
    required: [{file: app.ini}]
    settings: [{file: app.ini, holds: "size = 10"}]
    init: [{name: wait, wait_for: stock}]
    pools: {stock: {size: 5}}
    logins: {db: {user: shop, password_env: PASSWORD}}
    effects: [{flag: flood, latency_ms: 5}]
    operations:
      /buy:
        calls:
          - {to: stock, operation: take, env: STOCK, cache: db}
          - {to: queue, operation: publish, topic: bought}
  stock: {image: "shop/stock:1", ports: [9000], operations: {take: {}}}
  db: {image: "postgres:17", ports: [5432], store: {engine: postgresql, users: [{name: shop}]}}
  queue: {image: "kafka:4", ports: [9092], store: {engine: kafka}, operations: {publish: {}}}
  worker:
    image: shop/worker:1
    consumes: [{broker: queue, topic: bought, operation: ship}]
    operations: {ship: {}}
  flagd: {image: "flagd:1"}
"""


def test_words_are_not_booleans(tmp_path: Path) -> None:
    app = _load(tmp_path, RICH.replace("latency_ms: 5}", "off: [off, on]}"))
    assert app.services["web"].effects[0].off == ("off", "on")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "flag: flood}\nflags",
            "flag: floood}\nflags",
            'workload.flag: there is no "floood"; did you mean',
        ),
        ("key: flags.json", "key: flag.json", 'flags.key: there is no "flag.json"; did you mean'),
        ('"variants": {', '"variant": {', "not in flagd's form"),
        ("flag: flood, lat", "flag: flod, lat", 'services.web.effects.flag: there is no "flod"'),
        ("latency_ms: 5}", "off: [of]}", 'off of flood: there is no "of"; did you mean "off"?'),
        ("env: STOCK", "env: STOK", 'did you mean "STOCK"?'),
        ("cache: db", "cache: stock", '"stock" is no store; give it store: {engine'),
        ("to: queue", "to: db", 'there is no "publish"'),
        (
            "broker: queue",
            "broker: db",
            '"db" is no broker; give it store: {engine: kafka or rabbitmq}',
        ),
        ("topic: bought, op", "topic: bougt, op", 'did you mean "bought"?'),
        ("operation: ship", "operation: shp", 'did you mean "ship"?'),
        ("key: password", "key: passwrd", 'did you mean "password"?'),
        ("password_env: PASSWORD", "password_env: PASSWRD", 'did you mean "PASSWORD"?'),
        ("config_map: settings", "secret: logn", 'did you mean "login"?'),
        ("file: app.ini}", "file: app.in}", 'services.web.required.file: there is no "app.in"'),
        ('holds: "size = 10"', 'holds: "size = 9"', 'app.ini does not hold "size = 9"'),
        ("wait_for: stock", "wait_for: stok", 'did you mean "stock"?'),
        ("pools: {stock", "pools: {stok", 'did you mean "stock"?'),
        ("paths: {/: web}", "paths: {/: worker}", '"worker" has no port'),
        ("services: [web]", "services: [wbe]", 'did you mean "web"?'),
        ("  worker:", "  Work_er:", "is no Kubernetes name"),
        ("ports: [8080]", "ports: [8080]\n    autoscale: {}", "needs requests: {cpu"),
        ("ports: [8080]", "ports: [8080]\n    min_available: 2", "more than its 1 replicas"),
    ],
)
def test_a_name_that_leads_nowhere_gives_one_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    _load(tmp_path, RICH)
    assert old in RICH
    with pytest.raises(AppError) as caught:
        _load(tmp_path, RICH.replace(old, new, 1))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_app_names_the_known_ones() -> None:
    with pytest.raises(AppError, match="hotel_reservation, social_network"):
        load_app("hotel")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        load_app(tmp_path / "none.yaml")
