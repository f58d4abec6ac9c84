"""Which program is in a container: decided by its image and command, as on a real node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.apps.model import App, CronJob, Init, Service, Variant


def program_of(
    app: App, container: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> Service | None:
    """Return the service whose program a container runs, None for software unknown to the app.

    Several programs may share one image and differ by their command, so that a container with
    another service's command runs that other service. Where image and command are the same (stores),
    the pod's `labels` and the container's name decide.
    """
    image = container.get("image")
    variant = app.variants.get(str(image))
    candidates: Sequence[Service]
    if variant:
        # another build has its own entry point: only whose place it takes tells what it is
        candidates = [app.services[name] for name in variant.services]
    else:
        same_image = [s for s in app.services.values() if s.image == image]
        command = tuple(container.get("command") or ())
        candidates = [s for s in same_image if s.command == command]
        if len(candidates) > 1:
            args = tuple(container.get("args") or ())
            candidates = [s for s in candidates if s.args == args] or candidates
    if len(candidates) > 1:
        label = (labels or {}).get(app.label, "")
        candidates = (
            [s for s in candidates if s.name == label]
            or [s for s in candidates if s.container_name == container.get("name")]
            or candidates
        )
    return candidates[0] if candidates else None


def variant_of(app: App, container: Mapping[str, Any]) -> Variant | None:
    """Return the other build that a container's image is, None for the app's own."""
    return app.variants.get(str(container.get("image")))


def init_of(
    app: App, container: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> Init | None:
    """Return the init container that a container's name and image stand for.

    Services may have init containers of one name; the pod's `labels` say whose it is.
    """
    own = app.services.get((labels or {}).get(app.label, ""))
    for service in ([own] if own else []) + list(app.services.values()):
        for init in service.init:
            if (init.name, init.image) == (container.get("name"), container.get("image")):
                return init
    return None


def cron_job_of(app: App, container: Mapping[str, Any]) -> CronJob | None:
    """Return the CronJob whose program a container runs."""
    job = app.cron_jobs.get(str(container.get("name")))
    return job if job and job.image == container.get("image") else None


def images(app: App) -> frozenset[str]:
    """All image references that a registry serves for the app."""
    services = app.services.values()
    return frozenset(
        {s.image for s in services}
        | {init.image for s in services for init in s.init}
        | {sidecar.image for s in services for sidecar in s.sidecars}
        | {job.image for job in app.cron_jobs.values()}
        | set(app.variants)
        | set(app.more_images)
    )
