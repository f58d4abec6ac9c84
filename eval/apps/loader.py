"""Reads an app's YAML, from the bundled ones or any file, and checks it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from eval.apps.model import App

_BUNDLED = Path(__file__).parent


class AppError(ValueError):
    """An app's YAML is missing or wrong; the text says where, and what is expected there."""


def bundled_apps() -> list[str]:
    """Return the names of the apps that come with the program."""
    return sorted(path.stem for path in _BUNDLED.glob("*.yaml"))


def load_app(name_or_path: str | Path) -> App:
    """Load a bundled app by name, or any app by the path of its YAML. Raises `AppError`."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = _BUNDLED / f"{name_or_path}.yaml"
        if not path.is_file():
            raise AppError(
                f'no app "{name_or_path}"; bundled are {", ".join(bundled_apps())}; '
                "give the path of a .yaml file for another one"
            )
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise AppError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise AppError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise AppError(f"{path}: expected a mapping with name, namespace, services, …")
    return parse_app(data, str(path))


def parse_app(data: dict[str, Any], origin: str = "app") -> App:
    """Validate an app's data. `origin` names it in errors."""
    from pydantic import TypeAdapter, ValidationError

    try:
        app = TypeAdapter(App).validate_python(_normalised(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise AppError(f"{origin}: {where}: {first['msg']}{more}") from error
    problems = list(_problems(app))
    if problems:
        raise AppError(f"{origin}: {problems[0]}")
    return app


def _normalised(data: dict[str, Any]) -> dict[str, Any]:
    """Fill in names that are keys, and make every call a group of calls.

    `templates` is a place for YAML anchors and carries no meaning.
    """
    data = {key: value for key, value in data.items() if key != "templates"}
    services = data.get("services")
    if isinstance(services, dict):
        data["services"] = {name: _service(name, body) for name, body in services.items()}
    return data


def _service(name: str, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    body = {"name": name, **body}
    operations = body.get("operations")
    if isinstance(operations, dict):
        body["operations"] = {key: _operation(key, value) for key, value in operations.items()}
    ports = body.get("ports")
    if isinstance(ports, list):
        body["ports"] = [{"port": port} if isinstance(port, int) else port for port in ports]
    return body


def _operation(name: str, body: Any) -> Any:
    if body is None:
        body = {}
    if not isinstance(body, dict):
        return body
    body = {"name": name, **body}
    if isinstance(body.get("calls"), list):
        body["calls"] = [call if isinstance(call, list) else [call] for call in body["calls"]]
    return body


def _problems(app: App) -> Iterable[str]:
    """What a schema cannot see: names that lead nowhere."""
    yield from _unknown("entry", app.entry, app.services)
    if app.entry in app.services:
        for request in app.workload.mix:
            yield from _unknown(
                "workload.mix", request.operation, app.services[app.entry].operations
            )
    if app.registry:
        yield from _unknown("registry", app.registry, app.services)
    for service in app.services.values():
        where = f"services.{service.name}"
        if not service.ports and (service.name == app.entry or service.operations):
            yield f"{where}.ports: a service that is called needs at least one port"
        for call in service.calls():
            yield from _unknown(f"{where}.calls.to", call.to, app.services)
            if call.to in app.services:
                yield from _unknown(
                    f"{where}: operation of {call.to}",
                    call.operation,
                    app.services[call.to].operations,
                )
        for step in service.start:
            if step.need:
                yield from _unknown(f"{where}.start.need", step.need, app.services)
        for store, login in service.logins.items():
            yield from _unknown(f"{where}.logins", store, app.services)
            known = app.services[store].store if store in app.services else None
            yield from _unknown(
                f"{where}.logins.{store}.user",
                login.user,
                [user.name for user in known.users] if known else [],
            )
        for mount in service.mounts:
            if mount.claim:
                yield from _unknown(f"{where}.mounts.claim", mount.claim, app.volumes)
            if mount.config_map:
                yield from _unknown(f"{where}.mounts.config_map", mount.config_map, app.config_maps)


def _unknown(where: str, name: str, known: Iterable[str]) -> Iterable[str]:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(names) or 'none'}"
        yield f'{where}: there is no "{name}"; {hint}'
