"""Which program is in a container: decided by its image and command, as on a real node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.apps.model import App, Service


def program_of(app: App, container: Mapping[str, Any]) -> Service | None:
    """Return the service whose program a container runs, None for software unknown to the app.

    Several programs may share one image and differ by their command, so that a container with
    another service's command runs that other service.
    """
    same_image = [s for s in app.services.values() if s.image == container.get("image")]
    command = tuple(container.get("command") or ())
    candidates = [s for s in same_image if s.command == command]
    if len(candidates) > 1:
        args = tuple(container.get("args") or ())
        same_args = [s for s in candidates if s.args == args] or candidates
        named = [s for s in same_args if s.container_name == container.get("name")]
        candidates = named or same_args
    return candidates[0] if candidates else None


def images(app: App) -> frozenset[str]:
    """All image references that a registry serves for the app."""
    return frozenset({s.image for s in app.services.values()} | set(app.more_images))
