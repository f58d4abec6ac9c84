"""Typed actions: the only way to write to a cluster.

An action is data. What it does to the cluster is computed by `copilot.mitigation`, which also
owns dry run, approval, lock, verification and undo; nothing here can write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from copilot.model.scope import ObjectRef


class Risk(StrEnum):
    """What could go wrong: none to users, a brief disturbance, or an outage."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class PatchServicePort:
    """Set `target_port` (a number or a named container port) of the Service port `port`."""

    object: ObjectRef
    port: int
    target_port: int | str
    type: Literal["patch_service_port"] = "patch_service_port"


@dataclass(frozen=True, slots=True)
class SetImage:
    """Set the image of one container of a workload's pod template."""

    object: ObjectRef
    container: str
    image: str
    type: Literal["set_image"] = "set_image"


@dataclass(frozen=True, slots=True)
class RollBack:
    """Return a Deployment to an earlier revision; `revision` 0 is the one before the present."""

    object: ObjectRef
    revision: int = 0
    type: Literal["roll_back"] = "roll_back"


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the number of replicas of a workload."""

    object: ObjectRef
    replicas: int
    type: Literal["scale"] = "scale"


@dataclass(frozen=True, slots=True)
class Restart:
    """Replace a workload's pods one after another, as `kubectl rollout restart` does."""

    object: ObjectRef
    type: Literal["restart"] = "restart"


@dataclass(frozen=True, slots=True)
class RemoveNodeSelector:
    """Remove one key from the node selector of a workload's pod template."""

    object: ObjectRef
    key: str
    type: Literal["remove_node_selector"] = "remove_node_selector"


@dataclass(frozen=True, slots=True)
class SetField:
    """Set one field, such as a selector, a probe, a command, a request, a quota or a flag.

    `path` is a JSON pointer ("/spec/selector", "/spec/template/spec/containers/0/command"); `value`
    is JSON, and "" removes the field. Which fields of which kinds may be set, policy says.
    `restarts` is a workload of the same namespace ("Deployment/name") that reads the field only
    when it starts; it is restarted afterwards.
    """

    object: ObjectRef
    path: str
    value: str = ""
    restarts: str = ""
    type: Literal["set_field"] = "set_field"


@dataclass(frozen=True, slots=True)
class CreateObject:
    """Create an object that is missing; `manifest` is JSON and bears the object's kind and name."""

    object: ObjectRef
    manifest: str
    type: Literal["create_object"] = "create_object"


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete an object that is in the way; undone by creating it again as it was."""

    object: ObjectRef
    type: Literal["delete_object"] = "delete_object"


@dataclass(frozen=True, slots=True)
class ReplaceObject:
    """Delete an object whose fields cannot be changed in place, and create it as `manifest` (JSON) says.

    Policy allows it where nothing is lost: a claim that is not bound. Undone by the same the other way.
    """

    object: ObjectRef
    manifest: str
    type: Literal["replace_object"] = "replace_object"


@dataclass(frozen=True, slots=True)
class StoreAccount:
    """Give an account of a database its rights back, or the account itself.

    It is done in a pod of the workload `object`, with the client that the store's image has and the
    administrator's login of the container's own environment: no password is read or shown.
    `engine` is "mongodb", "postgresql" or "mysql". With a `script`, a file in the container that
    the image runs when a store is first started, a missing account is made by running it.
    """

    object: ObjectRef
    container: str
    engine: str
    user: str
    database: str
    role: str = "readWrite"
    script: str = ""
    type: Literal["store_account"] = "store_account"


@dataclass(frozen=True, slots=True)
class Several:
    """Several actions that make sense together only: all are done, in order, or none.

    `object` is the first one's. They are dry-run one by one and undone in reverse.
    """

    object: ObjectRef
    actions: tuple[Single, ...]
    type: Literal["several"] = "several"


@dataclass(frozen=True, slots=True)
class Manual:
    """Something only a person can do; `instructions` say what. It is never applied."""

    object: ObjectRef
    instructions: str
    type: Literal["manual"] = "manual"


Single = (
    PatchServicePort
    | SetImage
    | RollBack
    | Scale
    | Restart
    | RemoveNodeSelector
    | SetField
    | CreateObject
    | DeleteObject
    | ReplaceObject
    | StoreAccount
)
"""A write to one object."""

Action = Single | Several | Manual


def parts(action: Action) -> tuple[Single | Manual, ...]:
    """Return what an action consists of: itself, but for `Several`."""
    return action.actions if isinstance(action, Several) else (action,)


@dataclass(frozen=True, slots=True)
class Mitigation:
    """An action proposed for a root cause.

    `cause` is the taxonomy id that it addresses; `undo` and `kubectl` are for people: how it is
    taken back, and the equivalent command. `expected` says what should be seen afterwards.
    """

    id: str
    cause: str
    title: str
    action: Action
    risk: Risk
    undo: str
    kubectl: str
    expected: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def automatic(self) -> bool:
        """Whether the copilot can apply it itself."""
        return not isinstance(self.action, Manual)
