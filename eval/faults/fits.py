"""Which services of an app a kind of fault fits, decided by what the app's description says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eval.apps.model import App, Call, Service

MIN_EXPOSURE = 0.05
"""A fault's target must be on the way of at least this share of the users' requests."""

_KEEP_CONNECTIONS = ("mongodb", "memcached")

Test = Callable[[App, Service], bool]


def needed(*tests: Test) -> Callable[[App], list[str]]:
    """Services without which a noticeable share of the users' requests fails, the entry last.

    Only the users themselves notice a broken entry: nothing inside the app logs it.
    """

    def fits(app: App) -> list[str]:
        exposure = app.exposure()
        found = [s for name, s in app.services.items() if exposure[name] >= MIN_EXPOSURE]
        found.sort(key=lambda service: service.name == app.entry)
        return [s.name for s in found if all(test(app, s) for test in tests)]

    return fits


def anyone(*tests: Test) -> Callable[[App], list[str]]:
    """Services that pass all tests, whether users need them or not."""
    return lambda app: [
        name for name, s in app.services.items() if all(test(app, s) for test in tests)
    ]


def deployment(app: App, service: Service) -> bool:
    """It is a Deployment."""
    return service.kind == "Deployment"


def program(app: App, service: Service) -> bool:
    """It is a program of the app's own, not a store or broker."""
    return service.store is None


def listens(app: App, service: Service) -> bool:
    """It has a TCP port."""
    return any(port.protocol == "TCP" for port in service.ports)


def dialled(app: App, service: Service) -> bool:
    """Somebody calls it through its Service on connections that are renewed within seconds."""
    return service.name == app.entry or any(
        renewed(caller, call, service)
        for caller in app.services.values()
        for call in caller.calls()
        if call.to == service.name
    )


def renewed(caller: Service, call: Call, target: Service) -> bool:
    """Whether the caller dials again within seconds; drivers of some stores keep connections."""
    keeps = target.store is not None and target.store.engine in _KEEP_CONNECTIONS
    return call.via == "service" and caller.keepalive_seconds is not None and not keeps


def made(app: App, test: Callable[[str, Call], bool]) -> float:
    """How many calls that pass the test a user's request makes, on average; needed calls alone count.

    The test gets the caller's name and the call.
    """
    known: dict[tuple[str, str], float] = {}

    def below(service: str, operation: str) -> float:
        key = service, operation
        if key not in known:
            known[key] = 0.0
            known[key] = sum(
                min(1.0, call.share) * (float(test(service, call)) + below(call.to, call.operation))
                for group in app.services[service].operations[operation].calls
                for call in group
                if not call.optional
            )
        return known[key]

    total = sum(request.share for request in app.workload.mix) or 1.0
    return sum(r.share * below(app.entry, r.operation) for r in app.workload.mix) / total


def named_callees(app: App, service: Service) -> list[str]:
    """The services that it finds by a name in DNS and that users' requests need, the busiest first."""

    def share(callee: str) -> float:
        return made(
            app, lambda who, call: (who, call.to, call.via) == (service.name, callee, "service")
        )

    shares = {call.to: share(call.to) for call in service.calls()}
    found = [name for name in shares if shares[name] >= MIN_EXPOSURE]
    return sorted(found, key=lambda name: -shares[name])


def calls_by_name(app: App, service: Service) -> bool:
    """Users' requests need another service that it finds by a name in DNS."""
    return bool(named_callees(app, service))


def of_many(test: Callable[[App], Iterable[str]], at_least: int) -> Callable[[App], list[str]]:
    """The first of several services, where an app has enough of them."""

    def fits(app: App) -> list[str]:
        found = list(test(app))
        return found[:1] if len(found) >= at_least else []

    return fits
