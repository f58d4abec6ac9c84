"""The emulated Prometheus' HTTP API, as its clients and dashboards know it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from eval.environments.emulator.telemetry.alerting import Alerting
from eval.environments.emulator.telemetry.prometheus_handlers import Handlers
from eval.environments.emulator.telemetry.prometheus_params import Params
from eval.environments.emulator.telemetry.promql import Dialect, PromQLError
from eval.environments.emulator.telemetry.series import SeriesStore
from eval.environments.emulator.telemetry.serving import LoopbackServer

_Respond = Callable[[web.Request], Awaitable[web.Response]]
_MAX_BODY = 16 * 2**20


def routes(
    store: SeriesStore,
    now: Callable[[], float],
    *,
    dialect: Dialect = Dialect.V2,
    alerting: Alerting | None = None,
) -> web.Application:
    """Return the API as an application; mount it under a prefix with `add_subapp`.

    `now` gives Unix seconds: the time of queries that name none. Queries are evaluated on the
    event loop, so that nothing is appended to the store meanwhile.
    """
    handlers = Handlers(store, now, dialect, alerting)
    app = web.Application(client_max_size=_MAX_BODY)
    for path, handler in {
        "query": handlers.query,
        "query_range": handlers.query_range,
        "series": handlers.series,
        "labels": handlers.labels,
    }.items():
        app.router.add_get(f"/api/v1/{path}", _answering(handler))
        app.router.add_post(f"/api/v1/{path}", _answering(handler))
    for path, handler in {
        "metadata": handlers.metadata,
        "targets": handlers.targets,
        "rules": handlers.rules,
        "alerts": handlers.alerts,
        "alertmanagers": handlers.alertmanagers,
        "status/buildinfo": handlers.buildinfo,
        "status/tsdb": handlers.tsdb,
    }.items():
        app.router.add_get(f"/api/v1/{path}", _answering(handler))

    async def label_values(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await _respond(request, lambda params: handlers.label_values(name, params))

    app.router.add_get("/api/v1/label/{name}/values", label_values)
    app.router.add_get("/-/ready", _says("Prometheus Server is Ready.\n"))
    app.router.add_get("/-/healthy", _says("Prometheus Server is Healthy.\n"))
    return app


def _answering(handler: Callable[[Params], Any]) -> _Respond:
    async def respond(request: web.Request) -> web.Response:
        return await _respond(request, handler)

    return respond


async def _respond(request: web.Request, handler: Callable[[Params], Any]) -> web.Response:
    """Put a handler's answer into the API's envelope."""
    try:
        data = handler(await _params(request))
    except PromQLError as error:
        body = {"status": "error", "errorType": error.type, "error": str(error)}
        return web.json_response(body, status=error.status)
    return web.json_response({"status": "success", "data": data})


async def _params(request: web.Request) -> Params:
    """Gather the parameters; those of a form come before those of the URL."""
    values: dict[str, list[str]] = {}
    form = await request.post() if request.method == "POST" else {}
    for name, value in [*form.items(), *request.query.items()]:
        if isinstance(value, str):
            values.setdefault(name, []).append(value)
    return Params(values)


def _says(text: str) -> _Respond:
    async def respond(request: web.Request) -> web.Response:
        return web.Response(text=text)

    return respond


class PrometheusServer(LoopbackServer):
    """Serves the API on a free loopback port, without authentication."""

    def __init__(
        self,
        store: SeriesStore,
        now: Callable[[], float],
        *,
        dialect: Dialect = Dialect.V2,
        alerting: Alerting | None = None,
    ) -> None:
        super().__init__(routes(store, now, dialect=dialect, alerting=alerting))
