"""The bundled apps are what their authors deploy: names, ports, labels, calls."""

from __future__ import annotations

import pytest

from eval.apps.checks import flags_of
from eval.apps.loader import bundled_apps, load_app
from eval.apps.model import App, Service

ASTRONOMY = {
    "frontend-proxy": (8080, "frontend image-provider"),
    "frontend": (8080, "ad cart checkout currency product-catalog recommendation shipping"),
    "checkout": (8080, "cart currency email payment product-catalog shipping kafka"),
    "cart": (8080, "valkey-cart"),
    "product-catalog": (8080, "postgresql"),
    "recommendation": (8080, "product-catalog"),
    "shipping": (8080, "quote"),
    "ad": (8080, ""),
    "currency": (8080, ""),
    "quote": (8080, ""),
    "payment": (8080, ""),
    "email": (8080, ""),
    "image-provider": (8081, ""),
    "accounting": (0, "postgresql"),
    "fraud-detection": (0, ""),
    "kafka": (9092, ""),
    "valkey-cart": (6379, ""),
    "postgresql": (5432, ""),
    "flagd": (8013, ""),
    "load-generator": (8089, ""),
}
LIMITS_MI = {
    "frontend-proxy": 90, "frontend": 250, "checkout": 20, "cart": 160, "product-catalog": 20,
    "recommendation": 500, "shipping": 20, "ad": 300, "currency": 20, "quote": 40, "payment": 140,
    "email": 100, "image-provider": 50, "accounting": 160, "fraud-detection": 300, "kafka": 700,
    "valkey-cart": 20, "postgresql": 100, "flagd": 75, "load-generator": 512,
}  # fmt: skip
TRAIN = {
    "auth": (12340, "verification-code"), "verification-code": (15678, ""), "user": (12342, "auth"),
    "station": (12345, ""), "train": (14567, ""), "config": (15679, ""), "price": (16579, ""),
    "route": (11178, ""), "contacts": (12347, ""), "assurance": (18888, ""), "payment": (19001, ""),
    "consign-price": (16110, ""), "food-map": (18855, ""), "notification": (17853, ""),
    "travel": (12346, "order route seat ticketinfo train"),
    "travel2": (16346, "order-other route seat ticketinfo train"),
    "ticketinfo": (15681, "basic"), "basic": (15680, "price route station train"),
    "seat": (18898, "config order order-other travel travel2"),
    "order": (12031, "station"), "order-other": (12032, "station"),
    "preserve": (14568, "assurance consign contacts food notification order seat security station ticketinfo travel user"),
    "preserve-other": (14569, "assurance consign contacts food notification order-other seat security station ticketinfo travel2 user"),
    "security": (11188, "order order-other"), "inside-payment": (18673, "order order-other payment"),
    "cancel": (18885, "inside-payment notification order order-other user"),
    "rebook": (18886, "inside-payment order order-other seat station travel travel2"),
    "food": (18856, "food-map station travel"), "consign": (16111, "consign-price"),
    "route-plan": (14578, "route station travel travel2"),
    "travel-plan": (14322, "route-plan seat station ticketinfo travel travel2"),
    "execute": (12386, "order order-other"),
    "admin-basic": (18767, "config contacts price station train"),
    "admin-order": (16112, "order order-other"), "admin-route": (16113, "route"),
    "admin-travel": (16114, "travel travel2"), "admin-user": (16115, "user"),
}  # fmt: skip


def _calls(app: App, service: str) -> set[str]:
    return {call.to for call in app.services[service].calls()}


def test_the_five_apps_are_bundled() -> None:
    assert bundled_apps() == [
        "astronomy_shop", "flower", "hotel_reservation", "social_network", "train_ticket",
    ]  # fmt: skip


@pytest.mark.parametrize("name", bundled_apps())
def test_an_app_fits_into_its_own_limits(name: str) -> None:
    app = load_app(name)
    assert app.exposure()[app.entry] == pytest.approx(1.0)
    for service in app.services.values():
        limit = service.limits.get("memory", "")
        if limit.endswith("Mi"):
            assert service.usage.memory_mb < 0.95 * float(limit[:-2]), service.name


def test_astronomy_shop() -> None:
    app = load_app("astronomy_shop")
    assert (app.namespace, app.label) == ("astronomy-shop", "app.kubernetes.io/name")
    assert set(ASTRONOMY) <= set(app.services)
    for name, (port, calls) in ASTRONOMY.items():
        service = app.services[name]
        assert [p.port for p in service.ports][:1] == ([port] if port else [])
        assert _calls(app, name) == set(calls.split())
        assert service.limits["memory"] == f"{LIMITS_MI[name]}Mi"
    waits = {s.name: [i.wait_for for i in s.init if i.wait_for] for s in app.services.values()}
    assert waits["checkout"] == ["kafka"]
    assert waits["cart"] == ["valkey-cart"]
    assert waits["fraud-detection"] == ["kafka"]


def test_the_flags_of_astronomy_shop_have_the_published_variants() -> None:
    app = load_app("astronomy_shop")
    flags = flags_of(app)
    assert flags["imageSlowLoad"] == {"10sec": 10000, "5sec": 5000, "off": 0}
    assert flags["paymentFailure"]["100%"] == 1
    on_off = (
        "adFailure adHighCpu adManualGc cartFailure kafkaQueueProblems loadGeneratorFloodHomepage "
        "paymentUnreachable productCatalogFailure recommendationCacheFailure failedReadinessProbe "
        "intlShippingSlowdown"
    )
    for name in on_off.split():
        assert set(flags[name]) == {"on", "off"}
    # every one of them does something
    used = {effect.flag for service in app.services.values() for effect in service.effects}
    assert used | {app.workload.flag} == set(flags)


def test_train_ticket() -> None:
    app = load_app("train_ticket")
    assert (app.label, app.entry) == ("app", "ts-ui-dashboard")
    assert app.services["ts-ui-dashboard"].ports[0].port == 8080
    for short, (port, calls) in TRAIN.items():
        name = f"ts-{short}-service"
        assert app.services[name].ports[0].port == port
        services = {to for to in _calls(app, name) if not to.endswith("-mongo")}
        assert services == {f"ts-{to}-service" for to in calls.split()}, name
    mongos = [s for s in app.services.values() if s.store and s.store.engine == "mongodb"]
    assert len(mongos) >= 20
    assert all(len({c.name for c in _callers(app, m.name)}) == 1 for m in mongos)


def test_flower() -> None:
    app = load_app("flower")
    assert (app.runtime, app.namespace) == ("docker", "docker")
    assert set(app.services) == {
        "superlink", "supernode-1", "supernode-2", "clientapp-1", "clientapp-2",
    }  # fmt: skip
    # AIOpsLab edits line 24 of the first client's task.py
    lines = app.config_maps["clientapp-1-app"]["task.py"].split("\n")
    assert "84" in lines[23]
    assert any(setting.holds in lines[23] for setting in app.services["clientapp-1"].settings)


def test_hotel_knows_the_builds_that_faults_use() -> None:
    app = load_app("hotel_reservation")
    assert app.variants["yinfangchen/geo:app3"].dials == {"mongodb-geo": "mongodb-geo:27777"}
    assert app.variants["mongo:8.0.14-rc0"].exits is not None


def _callers(app: App, target: str) -> list[Service]:
    return [s for s in app.services.values() if any(c.to == target for c in s.calls())]
