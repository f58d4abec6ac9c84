"""Reads an app's YAML, from the bundled ones or any file, and checks it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from eval.apps.checks import problems
from eval.apps.model import App

_BUNDLED = Path(__file__).parent
_BOOL = "tag:yaml.org,2002:bool"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML in which `on`, `off`, `yes` and `no` are words, as in YAML 1.2."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {
        first: [
            (tag, pattern if tag != _BOOL else re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"))
            for tag, pattern in resolvers
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


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
        data = yaml.load(path.read_text("utf-8"), _Loader)
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
    for problem in problems(app):
        raise AppError(f"{origin}: {problem}")
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
    if isinstance(body.get("sidecars"), list):
        body["sidecars"] = [_with_ports(sidecar) for sidecar in body["sidecars"]]
    operations = body.get("operations")
    if isinstance(operations, dict):
        body["operations"] = {key: _operation(key, value) for key, value in operations.items()}
    return _with_ports(body)


def _with_ports(body: Any) -> Any:
    """Let a bare number be a port."""
    if isinstance(body, dict) and isinstance(body.get("ports"), list):
        ports = [{"port": port} if isinstance(port, int) else port for port in body["ports"]]
        return {**body, "ports": ports}
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
