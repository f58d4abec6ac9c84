"""Faults of configuration: what a program finds in its environment and its files."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from copy import deepcopy

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Call, Service
from eval.faults.case import Case
from eval.faults.changes import Change, Edit, Remove, Restart, Wait
from eval.faults.edits import container, down, users_fail
from eval.faults.fits import deployment, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import absent, event, log, obj, status
from eval.protocols import Repair

_FAMILY = "configuration"
_NO_START = "does not start"
_LOST = "cannot find what it calls"


def _map(case: Case) -> str:
    return next(m.config_map for m in case.service.mounts if m.config_map)


def _secret(case: Case) -> str:
    return next(iter(case.service.secret_env.values())).secret


def _has_map(app: App, service: Service) -> bool:
    return any(m.config_map for m in service.mounts)


def _file(case: Case) -> tuple[str, str]:
    """The ConfigMap and key of a file without which the target does not start."""
    files = {required.file for required in case.service.required if required.file}
    return key_of(case, files)


def key_of(case: Case, files: set[str]) -> tuple[str, str]:
    """The mounted ConfigMap and key that hold one of some files. Raises `LookupError`."""
    names = {file.rsplit("/", 1)[-1] for file in files}
    for mount in case.service.mounts:
        for key in case.app.config_maps.get(mount.config_map, ()):
            if key in names:
                return mount.config_map, key
    raise LookupError(f"no ConfigMap of {case.app.name} holds {', '.join(names)}")


def _found(app: App, service: Service, files: set[str]) -> bool:
    try:
        key_of(Case(app, service.name), files)
    except LookupError:
        return False
    return True


def _key_removed(case: Case) -> Sequence[Change]:
    name, key = _file(case)

    def breaks(item: Json) -> None:
        item["data"].pop(key, None)

    def accepts(item: Json) -> bool:
        return key in (item.get("data") or {})

    return (Edit("ConfigMap", name, breaks, accepts=accepts), Restart(case.target, case.kind))


def _value_changed(case: Case) -> Sequence[Change]:
    setting = case.service.settings[0]
    name, key = key_of(case, {setting.file})

    def breaks(item: Json) -> None:
        text = item["data"][key]
        item["data"][key] = text.replace(setting.holds, garbled(setting.holds))

    def accepts(item: Json) -> bool:
        return setting.holds in (item.get("data") or {}).get(key, "")

    # a mounted file follows its ConfigMap within some 90 s
    return (Edit("ConfigMap", name, breaks, accepts=accepts), Wait(90))


def garbled(text: str) -> str:
    """The text with two letters swapped, as a slip of the hand would leave it."""
    for index in range(len(text) // 2, len(text) - 1):
        if text[index] != text[index + 1] and text[index : index + 2].isalnum():
            return text[:index] + text[index + 1] + text[index] + text[index + 2 :]
    return text[:-1]


def _secret_key(case: Case) -> Sequence[Change]:
    variable = _from_secret(case.service)

    def breaks(main: Json) -> None:
        for entry in main["env"]:
            if entry["name"] == variable:
                reference = entry["valueFrom"]["secretKeyRef"]
                reference["key"] = reference["key"] + "_V2"

    return (container(case, breaks, exact=True),)


def _from_secret(service: Service) -> str:
    return next(iter(service.secret_env))


def address_call(app: App, service: Service) -> Call | None:
    """A call that the target's requests need, whose address is in the container's environment."""
    exposure = app.exposure()
    found = [
        call
        for call in service.calls()
        if call.env and call.env in service.env and not call.optional
    ]
    return max(found, key=lambda call: (call.share, exposure[call.to]), default=None)


def _has_address(app: App, service: Service) -> bool:
    return address_call(app, service) is not None


def _has_port(app: App, service: Service) -> bool:
    call = address_call(app, service)
    return call is not None and bool(re.search(r"\d{2,5}", service.env[call.env]))


def _address(case: Case) -> tuple[str, str, str]:
    """The variable, its value, and the callee."""
    call = address_call(case.app, case.service)
    assert call is not None
    return call.env, case.service.env[call.env], call.to


def wrong_port(value: str) -> str:
    """The address with a port nearby."""
    return re.sub(r"(\d{2,5})(?!.*\d{2,5})", lambda found: str(int(found[1]) + 2), value, count=1)


def _wrong_host(case: Case) -> str:
    _, value, callee = _address(case)
    other = named(case, "host", callee)
    return value.replace(callee, other, 1) if callee in value else other


def _set_env(case: Case, name: str, value: str) -> Edit:
    def breaks(main: Json) -> None:
        for entry in main["env"]:
            if entry["name"] == name:
                entry["value"] = value

    return container(case, breaks, fresh=True, exact=True)


def _port_in_env(case: Case) -> Sequence[Change]:
    name, value, _ = _address(case)
    return (_set_env(case, name, wrong_port(value)),)


def _host_in_env(case: Case) -> Sequence[Change]:
    return (_set_env(case, _address(case)[0], _wrong_host(case)),)


def _shadowed(case: Case) -> Sequence[Change]:
    """The variable is there twice; the later one wins."""
    name, value, _ = _address(case)
    wrong = wrong_port(value) if _has_port(case.app, case.service) else _wrong_host(case)

    def breaks(main: Json) -> None:
        main["env"] = [*deepcopy(main["env"]), {"name": name, "value": wrong}]

    def accepts(item: Json) -> bool:
        values = [e.get("value") for e in case.main(item)["env"] if e["name"] == name]
        return bool(values) and values[-1] == value

    return (container(case, breaks, fresh=True, accepts=accepts),)


def _needed_variable(service: Service) -> str:
    names = {required.env for required in service.required if required.env}
    return next((name for name in service.env if name in names), "")


def _variable_removed(case: Case) -> Sequence[Change]:
    name = _needed_variable(case.service)

    def breaks(main: Json) -> None:
        main["env"] = [entry for entry in main["env"] if entry["name"] != name]

    return (container(case, breaks, fresh=True, exact=True),)


def _config_map(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("ConfigMap", _map(case)), case.workload)


def encoded(text: str) -> str:
    """The text as a Secret holds it."""
    return base64.b64encode(text.encode()).decode()


def _create(kind: str, name: str, case: Case) -> Sequence[Repair]:
    return (Repair("create", case.ref(kind, name), "create it from its manifest"),)


KINDS = (
    Kind(
        "configmap_missing",
        _FAMILY,
        "a ConfigMap that the pods mount is deleted, and they are restarted",
        ("config.configmap_missing", "storage.mount_failed"),
        needed(deployment, _has_map),
        lambda case: (Remove("ConfigMap", _map(case)), Restart(case.target, case.kind)),
        lambda case: (
            absent("ConfigMap", _map(case)),
            status(case.target, "ContainerCreating"),
            event(case.target, "FailedMount", f'configmap "{_map(case)}" not found'),
            *down(case),
        ),
        effect=_NO_START,
        blame=_config_map,
        repairs=lambda case: _create("ConfigMap", _map(case), case),
        origin="SREGym missing_configmap",
        recover_seconds=600,
    ),
    Kind(
        "configmap_key_missing",
        _FAMILY,
        "the ConfigMap has lost the file that the program needs to start",
        ("config.configmap_missing",),
        needed(
            deployment,
            lambda app, s: _found(app, s, {r.file for r in s.required if r.file}),
        ),
        _key_removed,
        lambda case: (status(case.target, "CrashLoopBackOff"), *down(case)),
        effect=_NO_START,
        blame=lambda case: (case.ref("ConfigMap", _file(case)[0]), case.workload),
        repairs=lambda case: (
            Repair("change", case.ref("ConfigMap", _file(case)[0]), f"add {_file(case)[1]} again"),
        ),
        origin="SREGym configmap_drift",
        recover_seconds=600,
    ),
    Kind(
        "configmap_value_wrong",
        _FAMILY,
        "a file of the ConfigMap holds a value that the program cannot work with",
        ("config.value_wrong",),
        needed(lambda app, s: bool(s.settings) and _found(app, s, {s.settings[0].file})),
        _value_changed,
        lambda case: (users_fail(case),),
        blame=lambda case: (
            case.ref("ConfigMap", key_of(case, {case.service.settings[0].file})[0]),
        ),
        origin="SREGym configmap_drift, trainticket_f17/f22 (variants)",
    ),
    Kind(
        "secret_missing",
        _FAMILY,
        "a Secret that the container's environment refers to is deleted, and the pods are restarted",
        ("config.secret_missing",),
        needed(deployment, lambda app, s: bool(s.secret_env)),
        lambda case: (Remove("Secret", _secret(case)), Restart(case.target, case.kind)),
        lambda case: (
            absent("Secret", _secret(case)),
            status(case.target, "CreateContainerConfigError"),
            event(case.target, "Failed", f'secret "{_secret(case)}" not found'),
            *down(case),
        ),
        effect=_NO_START,
        blame=lambda case: (case.ref("Secret", _secret(case)), case.workload),
        repairs=lambda case: _create("Secret", _secret(case), case),
        origin="ITBench 63",
        recover_seconds=600,
    ),
    Kind(
        "secret_key_missing",
        _FAMILY,
        "the container's environment refers to a key that the Secret does not have",
        ("config.secret_missing",),
        needed(deployment, lambda app, s: bool(s.secret_env)),
        _secret_key,
        lambda case: (
            status(case.target, "CreateContainerConfigError"),
            event(case.target, "Failed", "couldn't find key"),
        ),
        effect="does not get its new revision up; the old pods go on serving",
        harm="",
        origin="ITBench 63 (variant)",
    ),
    Kind(
        "env_variable_missing",
        _FAMILY,
        "an environment variable that the program needs to start is missing",
        ("config.env_wrong",),
        needed(deployment, lambda app, s: bool(_needed_variable(s))),
        _variable_removed,
        lambda case: (
            status(case.target, "CrashLoopBackOff"),
            log(case.target, re.escape(_needed_variable(case.service))),
            *down(case),
        ),
        effect=_NO_START,
        origin="SREGym missing_env_variable",
    ),
    Kind(
        "env_wrong_port",
        _FAMILY,
        "an environment variable gives a wrong port for a dependency",
        ("dependency.wrong_address", "config.env_wrong"),
        needed(deployment, _has_port),
        _port_in_env,
        lambda case: (
            obj(case.kind, case.target, "spec.template.spec.containers[].env[].value",
                wrong_port(_address(case)[1])),
            users_fail(case),
        ),
        effect=_LOST,
        origin="SREGym incorrect_port_assignment; ITBench 16, 24",
    ),
    Kind(
        "env_wrong_host",
        _FAMILY,
        "an environment variable gives a name for a dependency that does not exist",
        ("dependency.wrong_address", "config.env_wrong"),
        needed(deployment, _has_address),
        _host_in_env,
        lambda case: (
            obj(case.kind, case.target, "spec.template.spec.containers[].env[].value",
                _wrong_host(case)),
            users_fail(case),
        ),
        effect=_LOST,
        origin="ITBench 16, 24",
    ),
    Kind(
        "env_shadowed",
        _FAMILY,
        "an environment variable is given twice, and the later one is wrong",
        ("config.env_wrong", "dependency.wrong_address"),
        needed(deployment, _has_address),
        _shadowed,
        lambda case: (users_fail(case),),
        effect=_LOST,
        origin="SREGym env_variable_shadowing",
    ),
)  # fmt: skip
