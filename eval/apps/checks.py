"""What a schema cannot see in an app: names that lead nowhere, and descriptions that cannot run."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from eval.apps.model import App, Call, Mount, Service

_QUEUES = ("kafka", "rabbitmq")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def problems(app: App) -> Iterator[str]:
    """Yield one line for each thing that is wrong, each naming its place in the YAML."""
    yield from _named("namespace", app.namespace)
    yield from _unknown("entry", app.entry, app.services)
    entry = app.services.get(app.entry)
    for request in app.workload.mix if entry else ():
        assert entry is not None
        yield from _unknown("workload.mix", request.operation, entry.operations)
    if app.workload.flag_operation and entry:
        yield from _unknown(
            "workload.flag_operation", app.workload.flag_operation, entry.operations
        )
    if not app.workload.mix:
        yield "workload.mix: at least one request is needed"
    for where, name in (("registry", app.registry), ("jaeger", app.jaeger)):
        if name:
            yield from _unknown(where, name, app.services)
    yield from _flags(app)
    topics = {call.topic for service in app.services.values() for call in service.calls()}
    for service in app.services.values():
        yield from _service(app, service, topics - {""})
    for name, ingress in app.ingresses.items():
        for path, target in ingress.paths.items():
            yield from _unknown(f"ingresses.{name}.paths.{path}", target, app.services)
            if target in app.services and not app.services[target].ports:
                yield f'ingresses.{name}.paths.{path}: "{target}" has no port'
    for image, variant in app.variants.items():
        for target in (*variant.services, *variant.dials):
            yield from _unknown(f"variants.{image}", target, app.services)
        if not variant.services:
            yield f"variants.{image}.services: name at least one service whose build it is"


def flags_of(app: App) -> dict[str, dict[str, Any]]:
    """The variants of each of the app's flags, {} without flags. Raises `ValueError` for bad JSON."""
    if app.flags is None:
        return {}
    text = app.config_maps.get(app.flags.config_map, {}).get(app.flags.key, "{}")
    return {name: dict(flag["variants"]) for name, flag in json.loads(text)["flags"].items()}


def _flags(app: App) -> Iterator[str]:
    known: dict[str, dict[str, Any]] = {}
    if app.flags:
        yield from _unknown("flags.service", app.flags.service, app.services)
        yield from _unknown("flags.config_map", app.flags.config_map, app.config_maps)
        keys = app.config_maps.get(app.flags.config_map)
        if keys is not None:
            yield from _unknown("flags.key", app.flags.key, keys)
        try:
            known = flags_of(app)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield (
                f"config_maps.{app.flags.config_map}.{app.flags.key}: not in flagd's form "
                f'({{"flags": {{NAME: {{"variants": …, "defaultVariant": …}}}}}}): {error}'
            )
            return
    if app.workload.flag:
        yield from _unknown("workload.flag", app.workload.flag, known)
    for service in app.services.values():
        for effect in service.effects:
            where = f"services.{service.name}.effects"
            yield from _unknown(f"{where}.flag", effect.flag, known)
            for variant in effect.off if effect.flag in known else ():
                yield from _unknown(f"{where}.off of {effect.flag}", variant, known[effect.flag])


def _service(app: App, service: Service, topics: set[str]) -> Iterator[str]:
    where = f"services.{service.name}"
    yield from _named(where, service.name)
    if (
        not service.ports
        and (service.name == app.entry or service.operations)
        and not (service.consumes)
    ):
        yield f"{where}.ports: a service that is called needs at least one port"
    variables = {*service.env, *service.secret_env}
    for call in service.calls():
        yield from _call(app, f"{where}.calls", call, variables)
    for callee in service.pools:
        yield from _unknown(f"{where}.pools", callee, app.services)
    for step in service.start:
        if step.need:
            yield from _unknown(f"{where}.start.need", step.need, app.services)
    for consumer in service.consumes:
        yield from _broker(app, f"{where}.consumes.broker", consumer.broker)
        yield from _unknown(f"{where}.consumes.topic", consumer.topic, topics)
        yield from _unknown(f"{where}.consumes.operation", consumer.operation, service.operations)
    for effect in service.effects:
        if effect.operation:
            yield from _unknown(f"{where}.effects.operation", effect.operation, service.operations)
        for callee in effect.dials:
            yield from _unknown(f"{where}.effects.dials", callee, app.services)
    yield from _logins(app, service, variables)
    yield from _needs(app, service, variables)
    if service.autoscale and "cpu" not in service.requests:
        yield f"{where}.autoscale: scaling on CPU utilisation needs requests: {{cpu: …}}"
    if service.min_available > service.replicas:
        yield f"{where}.min_available: more than its {service.replicas} replicas"


def _call(app: App, where: str, call: Call, variables: set[str]) -> Iterator[str]:
    yield from _unknown(f"{where}.to", call.to, app.services)
    target = app.services.get(call.to)
    if target:
        yield from _unknown(f"{where}: operation of {call.to}", call.operation, target.operations)
    if call.cache:
        yield from _unknown(f"{where}.cache", call.cache, app.services)
        if call.cache in app.services and app.services[call.cache].store is None:
            yield f'{where}.cache: "{call.cache}" is no store; give it store: {{engine: …}}'
    if call.env:
        yield from _unknown(f"{where}.env", call.env, variables)
    if call.topic:
        yield from _broker(app, f"{where}.to", call.to)


def _broker(app: App, where: str, name: str) -> Iterator[str]:
    yield from _unknown(where, name, app.services)
    service = app.services.get(name)
    if service and (service.store is None or service.store.engine not in _QUEUES):
        yield f'{where}: "{name}" is no broker; give it store: {{engine: {" or ".join(_QUEUES)}}}'


def _logins(app: App, service: Service, variables: set[str]) -> Iterator[str]:
    for store, login in service.logins.items():
        where = f"services.{service.name}.logins"
        yield from _unknown(where, store, app.services)
        known = app.services[store].store if store in app.services else None
        users = [user.name for user in known.users] if known else []
        yield from _unknown(f"{where}.{store}.user", login.user, users)
        if login.password_env:
            yield from _unknown(f"{where}.{store}.password_env", login.password_env, variables)


def _needs(app: App, service: Service, variables: set[str]) -> Iterator[str]:
    """What a service's containers want from ConfigMaps, Secrets and volumes."""
    where = f"services.{service.name}"
    for name, key in service.secret_env.items():
        yield from _unknown(f"{where}.secret_env.{name}", key.secret, app.secrets)
        if key.secret in app.secrets:
            yield from _unknown(f"{where}.secret_env.{name}.key", key.key, app.secrets[key.secret])
    for init in service.init:
        if init.wait_for:
            yield from _unknown(f"{where}.init.wait_for", init.wait_for, app.services)
        if init.reads:
            yield from _unknown(f"{where}.init.reads", init.reads, app.config_maps)
    for mount in (*service.mounts, *(m for init in service.init for m in init.mounts)):
        yield from _mount(app, f"{where}.mounts", mount)
    files: dict[str, str] = {}
    for mount in service.mounts:
        files.update(app.config_maps.get(mount.config_map, {}))
    for need in service.required:
        if need.env:
            yield from _unknown(f"{where}.required.env", need.env, variables)
        if need.file:
            yield from _unknown(f"{where}.required.file", need.file, files)
        if not need.env and not need.file:
            yield f"{where}.required: name an env or a file"
    for setting in service.settings:
        yield from _unknown(f"{where}.settings.file", setting.file, files)
        if setting.file in files and setting.holds not in files[setting.file]:
            yield f'{where}.settings.holds: {setting.file} does not hold "{setting.holds}"'
        if setting.operation:
            yield from _unknown(
                f"{where}.settings.operation", setting.operation, service.operations
            )


def _mount(app: App, where: str, mount: Mount) -> Iterator[str]:
    if mount.claim:
        yield from _unknown(f"{where}.claim", mount.claim, app.volumes)
    if mount.config_map:
        yield from _unknown(f"{where}.config_map", mount.config_map, app.config_maps)
    if mount.secret:
        yield from _unknown(f"{where}.secret", mount.secret, app.secrets)
    if not mount.volume:
        yield f"{where}: {mount.path}: name a claim, a config_map, a secret, or (for an empty one) a name"


def _named(where: str, name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f'{where}: "{name}" is no Kubernetes name: use a-z, 0-9 and "-", at most 63 characters'


def _unknown(where: str, name: str, known: Iterable[str]) -> Iterator[str]:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(names) or 'none'}"
        yield f'{where}: there is no "{name}"; {hint}'
