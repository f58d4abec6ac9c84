"""`pods/log`: which run of which container, which lines of it, and the kubelet's refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import bad_request
from eval.environments.emulator.cluster.kubelet.logs import Line, LogBuffer
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, PodState
from eval.environments.emulator.cluster.kubelet.status import state_of
from eval.environments.emulator.cluster.objects import parse_time

_UNSCHEDULED = LogBuffer()


def choose(pod: Json, state: PodState | None, query: Mapping[str, str]) -> LogBuffer:
    """Return the log that a request asks for. Raises `ApiError` 400."""
    name = _container(pod, query.get("container", ""))
    previous = query.get("previous") in ("true", "1")
    if state is None:
        return _UNSCHEDULED
    item = state.container(name)
    assert item is not None
    return _log(item, pod["metadata"]["name"], previous)


def render(lines: list[Line], query: Mapping[str, str], now: datetime) -> str:
    """Return the lines that a request asks for, as text. Raises `ApiError` 400."""
    since: datetime | None = None
    if query.get("sinceTime"):
        try:
            since = parse_time(query["sinceTime"])
        except ValueError as error:
            raise bad_request(f"invalid sinceTime: {query['sinceTime']}") from error
    if query.get("sinceSeconds"):
        since = now - timedelta(seconds=_number(query, "sinceSeconds"))
    if since is not None:
        lines = [line for line in lines if line[0] >= since]
    if "tailLines" in query:
        tail = _number(query, "tailLines")
        lines = lines[-tail:] if tail else []
    text = format_lines(lines, query.get("timestamps") in ("true", "1"))
    if query.get("limitBytes"):
        text = text.encode()[: _number(query, "limitBytes")].decode(errors="ignore")
    return text


def format_lines(lines: list[Line], timestamps: bool) -> str:
    """Return lines as text, with RFC 3339 times in nanoseconds if asked."""
    if not timestamps:
        return "".join(f"{text}\n" for _, text in lines)
    return "".join(f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {text}\n" for at, text in lines)


def _number(query: Mapping[str, str], name: str) -> int:
    value = query[name]
    if not value.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    return int(value)


def _container(pod: Json, asked: str) -> str:
    name = pod["metadata"]["name"]
    apps = [str(item["name"]) for item in pod["spec"]["containers"]]
    inits = [str(item["name"]) for item in pod["spec"].get("initContainers") or ()]
    extra = [str(item["name"]) for item in pod["spec"].get("ephemeralContainers") or ()]
    if asked:
        if asked not in (*apps, *inits, *extra):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(apps) == 1:
        return apps[0]
    choices = f"choose one of: [{' '.join(apps)}]"
    if inits:
        choices += f" or one of the init containers: [{' '.join(inits)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choices}")


def _log(item: ContainerState, pod: str, previous: bool) -> LogBuffer:
    shown = f'container "{item.name}" in pod "{pod}"'
    if previous:
        # while a container waits for its restart, the last run is its present log
        log = item.previous_log if item.running or item.terminated else item.log
        if item.last_terminated is None or log is None:
            raise bad_request(f"previous terminated {shown} not found")
        return log
    if item.log is not None:
        return item.log
    waiting = state_of(item).get("waiting", {})
    reason = waiting.get("reason", "")
    if reason == "ErrImagePull":
        raise bad_request(f"{shown} is waiting to start: image can't be pulled")
    if reason == "ImagePullBackOff":
        raise bad_request(f"{shown} is waiting to start: trying and failing to pull image")
    raise bad_request(f"{shown} is waiting to start: {reason}")
