"""`incident-copilot doctor`: is everything in place, and if not, how to repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.cli import options as o
from copilot.cli.console import print_json
from copilot.cli.exits import ExitCode
from copilot.cli.running import run, settings

if TYPE_CHECKING:
    from connectors.api.values import Check
    from copilot.config.settings import Settings


def doctor(
    namespace: o.Namespace = None,
    format: o.OutputFormat = o.Format.TEXT,
    kubeconfig: o.Kubeconfig = None,
    context: o.Context = "",
    prometheus: o.Prometheus = "",
) -> None:
    """Check cluster, metrics, logs, traces, alerts, changes, documents, index and model, and say how to repair what is not in place.

    Exit code 3 when the cluster cannot be used; the other parts are optional.
    """

    async def command() -> ExitCode:
        from dataclasses import asdict

        loaded = settings(kubeconfig=kubeconfig, context=context, prometheus=prometheus)
        cluster = await _cluster(loaded, tuple(namespace or ()))
        rest = [
            *await _metrics(loaded),
            *await _others(loaded),
            *await _index(loaded),
            *await _model(loaded),
        ]
        if format is o.Format.JSON:
            print_json({"checks": [asdict(check) for check in [*cluster, *rest]]})
        else:
            for check in [*cluster, *rest]:
                print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
                if check.repair and not check.ok:
                    print(f"      → {check.repair}")
        return ExitCode.OK if all(check.ok for check in cluster) else ExitCode.UNAVAILABLE

    run(command(), json=format is o.Format.JSON)


async def _cluster(settings: Settings, namespaces: tuple[str, ...]) -> list[Check]:
    from connectors.api.errors import ConnectorError
    from connectors.api.values import Check
    from connectors.kubernetes.reader import open_reader
    from copilot.sessions.assemble import kubernetes_settings

    try:
        reader = await open_reader(kubernetes_settings(settings))
    except ConnectorError as error:
        repair = "set KUBECONFIG, or pass --kubeconfig FILE"
        return [Check("kubernetes", False, str(error), repair)]
    try:
        return list(await reader.check(namespaces or settings.cluster.namespaces))
    finally:
        await reader.close()


async def _metrics(settings: Settings) -> list[Check]:
    from connectors.api.values import Check

    section = settings.prometheus
    if not section.url:
        detail = "not configured: answers rest on the Kubernetes API alone"
        return [Check("prometheus", False, detail, "set prometheus.url, or pass --prometheus URL")]
    from copilot.sessions.opening import open_metrics

    source = open_metrics(section)
    try:
        return list(await source.check())
    finally:
        await source.close()


async def _others(settings: Settings) -> list[Check]:
    import contextlib

    from connectors.api.errors import ConnectorError
    from connectors.kubernetes.reader import open_reader
    from copilot.model.clock import SystemClock
    from copilot.sessions.assemble import kubernetes_settings
    from copilot.sessions.documents import open_documents
    from copilot.sessions.opening import open_others
    from copilot.sessions.own import open_own

    async with contextlib.AsyncExitStack() as stack:
        reader = None
        if settings.argocd.enabled:
            # A cluster that cannot be reached has its own row already.
            with contextlib.suppress(ConnectorError):
                reader = await open_reader(kubernetes_settings(settings))
                stack.push_async_callback(reader.close)
        documents = open_documents(settings, SystemClock().now)
        own = open_own(settings)
        # What is both documents and something else is checked once, among the team's own.
        named = [one for name, one in documents.items() if name not in own.documents]
        found: list[Check] = []
        for source in [*open_others(settings, reader), *named, *own.every]:
            try:
                found += await source.check()
            finally:
                await source.close()
        return found


async def _index(settings: Settings) -> list[Check]:
    from connectors.api.values import Check
    from copilot.model.errors import CopilotError
    from copilot.sessions.database import open_database
    from copilot.sessions.knowledge import open_knowledge

    try:
        engine = open_database(settings.state.database_url)
        index = await open_knowledge(
            engine,
            settings.state.folder,
            builtin=settings.knowledge.builtin,
            settings=settings,
        )
    except CopilotError as error:
        return [Check("index", False, error.message, error.hint)]
    try:
        state = index.status()
    finally:
        index.close()
        engine.dispose()
    own = state.documents - state.builtin
    detail = f"{own} documents of yours, {state.builtin} built-in runbooks"
    return [Check("index", own > 0, detail, "add yours: incident-copilot index add PATH")]


async def _model(settings: Settings) -> list[Check]:
    from connectors.api.values import Check

    if not settings.model.usable:
        detail = "not configured: the evidence engine answers alone"
        return [Check("model", False, detail, "set OPENAI_API_KEY, or OPENAI_BASE_URL, or neither")]
    from copilot.sessions.answering import check_model

    return [await check_model(settings)]
