"""The actions of a session: AIOpsLab's agent-cloud interface, against one environment.

The docstrings are what an agent reads.
"""

from __future__ import annotations

import asyncio
import csv
import inspect
import io
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.api.errors import ConnectorError
from eval.apps.model import App
from eval.problems import Task
from eval.protocols import Environment
from eval.session.parser import BadFormat, Call
from eval.session.shell import exec_shell

_METRICS = (
    "container_cpu_usage_seconds_total", "container_cpu_user_seconds_total",
    "container_cpu_system_seconds_total", "container_cpu_cfs_throttled_seconds_total",
    "container_cpu_cfs_throttled_periods_total", "container_cpu_cfs_periods_total",
    "container_spec_cpu_quota", "container_memory_rss", "container_memory_usage_bytes",
    "container_memory_working_set_bytes", "container_memory_cache", "container_memory_failures_total",
    "container_memory_mapped_file", "container_spec_memory_limit_bytes", "container_threads",
    "container_sockets", "container_file_descriptors", "container_fs_reads_total",
    "container_fs_writes_total", "container_fs_usage_bytes",
    "container_network_receive_bytes_total", "container_network_receive_packets_total",
    "container_network_receive_errors_total", "container_network_transmit_bytes_total",
    "container_network_transmit_packets_total", "container_network_transmit_errors_total",
    "kube_pod_container_status_restarts_total",
)  # fmt: skip
_STEP = 15.0
_KNOWN = (
    "get_logs", "exec_shell", "get_metrics", "read_metrics", "get_traces", "read_traces",
)  # fmt: skip
_NO_SERVICE = "Error: Your service/namespace does not exist. Use kubectl to check."
_SUBMIT = {
    Task.DETECTION: """Submit whether there is an anomaly.

    Args:
        has_anomaly (str): "Yes" if an anomaly was found, "No" otherwise.

    Returns:
        SubmissionStatus: The status of the submission.""",
    Task.LOCALIZATION: """Submit the services that are the cause.

    Args:
        faulty_components (list[str]): Names of the faulty services; empty if there is no fault.

    Returns:
        SubmissionStatus: The status of the submission.""",
    Task.ANALYSIS: """Submit the level and the type of the fault.

    Args:
        analysis (dict[str, str]): Two keys, system_level and fault_type.

    Returns:
        SubmissionStatus: The status of the submission.""",
    Task.MITIGATION: """Submit when the fault is repaired. Takes no arguments.

    Returns:
        SubmissionStatus: The status of the submission.""",
    Task.END_TO_END: """Submit what was found, once it is repaired.

    Args:
        report (dict): has_anomaly, faulty_components, system_level, fault_type.

    Returns:
        SubmissionStatus: The status of the submission.""",
    Task.CONVERSATION: """Answer what was asked; a reply without any action does the same.

    Args:
        answer (str): The answer.

    Returns:
        SubmissionStatus: The status of the submission.""",
}


class Actions:
    """The actions on one environment. Use it as a context: it has a folder for its files."""

    def __init__(self, environment: Environment, app: App, task: Task) -> None:
        self._environment, self._app, self._task = environment, app, task
        self._folder = Path()
        self._files = 0

    async def __aenter__(self) -> Actions:
        """Make the folder."""
        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="session-"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Remove the folder."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def documentation(self) -> dict[str, str]:
        """Each action and its docstring, `submit` as this task has it."""
        return self.of(self._task)

    @classmethod
    def of(cls, task: Task) -> dict[str, str]:
        """The same, without any environment."""
        found = {name: inspect.getdoc(getattr(cls, name)) or "" for name in _KNOWN}
        return {**found, "submit": inspect.cleandoc(_SUBMIT[task])}

    async def act(self, call: Call) -> str:
        """Carry out a call. Raises `BadFormat` for an unknown action or wrong arguments."""
        if call.name not in _KNOWN:
            names = ", ".join([*_KNOWN, "submit"])
            raise BadFormat(f"Error: there is no action {call.name}. There are: {names}")
        do: Callable[..., Awaitable[str]] = getattr(self, call.name)
        try:
            inspect.signature(do).bind(*call.args, **call.kwargs)
        except TypeError as error:
            raise BadFormat(f"Error: {call.name}: {error}") from error
        try:
            return await do(*call.args, **call.kwargs)
        except ConnectorError as error:
            return f"Error: {error}"

    async def get_logs(self, namespace: str, service: str) -> str:
        """Get the log of a service's first pod.

        Args:
            namespace (str): The namespace in which the service runs.
            service (str): The name of the service.

        Returns:
            str: The log.
        """
        if namespace != self._environment.namespace:
            return _NO_SERVICE
        reader, label = self._environment.reader, self._app.label
        pods = await reader.list("Pod", namespace, labels=f"{label}={service}")
        if not pods:
            return _NO_SERVICE
        return await reader.logs(namespace, pods[0]["metadata"]["name"])

    async def exec_shell(self, command: str, timeout: int = 30) -> str:
        """Run a kubectl command, with grep, head, sort and the like behind it.

        Each command runs by itself and must not be interactive.

        Args:
            command (str): The command.

        Returns:
            str: Its output.
        """
        environment = self._environment
        return await exec_shell(
            str(command),
            kubeconfig=environment.kubeconfig,
            folder=self._folder,
            clock=environment.clock,
        )

    async def get_metrics(self, namespace: str, duration: int = 5) -> str:
        """Collect the containers' metrics of the last minutes into files.

        Args:
            namespace (str): The namespace.
            duration (int): How many minutes to look back.

        Returns:
            str: The folder and its files; read one with read_metrics.
        """
        from connectors.prometheus.settings import PrometheusSettings
        from connectors.prometheus.source import PrometheusMetrics

        now = self._environment.clock.now()
        source = PrometheusMetrics(PrometheusSettings(self._environment.prometheus_url))
        try:
            name = "|".join(_METRICS)
            series = await source.query_range(
                f'{{__name__=~"{name}",namespace="{namespace}"}}',
                now - timedelta(minutes=float(duration)),
                now,
                _STEP,
            )
        finally:
            await source.close()
        self._files += 1
        folder = Path("metrics_output") / f"metric_{self._files}" / "container"
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for each in series:
            kpi = each.labels.get("__name__", "")
            about = ".".join(each.labels.get(key, "") for key in ("node", "pod", "container"))
            points = [(int(at), about.strip("."), kpi, value) for at, value in each.points]
            rows.setdefault(kpi, []).extend(points)
        for kpi, found in rows.items():
            header = ("timestamp", "cmdb_id", "kpi_name", "value")
            self._write(folder / f"kpi_{kpi}.csv", header, found)
        names = ", ".join(f"kpi_{kpi}.csv" for kpi in sorted(rows))
        return f"Metrics data exported to directory: {folder}\nFiles: {names}"

    async def read_metrics(self, file_path: str) -> str:
        """Read one file of metrics.

        Args:
            file_path (str): Its path, as get_metrics told it.

        Returns:
            str: The table as text.
        """
        return self._read(file_path)

    async def get_traces(self, namespace: str, duration: int = 5) -> str:
        """Collect the traces of the last minutes into a file.

        Args:
            namespace (str): The namespace.
            duration (int): How many minutes to look back.

        Returns:
            str: The path of the file; read it with read_traces.
        """
        from connectors.jaeger.settings import JaegerSettings
        from connectors.jaeger.source import JaegerTraces

        if namespace != self._environment.namespace:
            return _NO_SERVICE
        now = self._environment.clock.now()
        begin = now - timedelta(minutes=float(duration))
        source = JaegerTraces(JaegerSettings(self._environment.jaeger_url))
        rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        try:
            for service in await source.services():
                for trace in await source.traces(service, begin, now, limit=20):
                    for span in trace.spans:
                        start = int(span.start.timestamp() * 1_000_000)
                        took = int(span.duration_ms * 1000)
                        code = span.tags.get("http.status_code") or span.tags.get("response", "")
                        rows[trace.id, span.id] = (
                            trace.id, span.id, span.parent, span.service, span.operation, start,
                            took, span.error, code,
                        )  # fmt: skip
        finally:
            await source.close()
        self._files += 1
        path = Path("trace_output") / f"traces_{self._files}.csv"
        header = (
            "trace_id", "span_id", "parent_span", "service_name", "operation_name", "start_time",
            "duration", "has_error", "response",
        )  # fmt: skip
        self._write(path, header, list(rows.values()))
        return f"Trace data exported to: {path}"

    async def read_traces(self, file_path: str) -> str:
        """Read a file of traces.

        Args:
            file_path (str): Its path, as get_traces told it.

        Returns:
            str: The table as text.
        """
        return self._read(file_path)

    def _write(self, path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)
        target.write_text(text.getvalue(), encoding="utf-8")

    def _read(self, file_path: str) -> str:
        path = (self._folder / str(file_path)).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return f"error: Metrics file '{file_path}' not found."
        return path.read_text(encoding="utf-8")
