"""Problem files: YAML, checked, with the file and the line of whatever is wrong.

problems:
  - id: wrong-port-{task}            # {task} makes one problem of each of `tasks`
    tasks: [detection, localization] # detection, localization, analysis, mitigation, end_to_end, conversation
    app: social_network              # a bundled app, or the path of an app's YAML beside this file
    faults: [{kind: service_target_port, target: user-service}]   # none: a healthy app
    labels: {services: [user-service], system_level: Virtualization, fault_type: Misconfiguration}
    check: pods                      # how the compat oracle looks at a repair
    noise: 7                         # a seed for harmless oddities
    settle_seconds: 240              # from the injection to the page
    turns:                           # of the task conversation: what is said, and patterns of the answer
      - {say: What is wrong?, says: [user-service], never: [healthy], looks: true}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from copilot.model.errors import UsageError
from eval.apps.loader import AppError, bundled_apps
from eval.faults.registry import FAULTS
from eval.problems import UNTIL_PAGED, Broken, Check, Labels, Problem, Task, Turn
from eval.suites.apps import app_of

Path_ = tuple[str | int, ...]


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str
    target: str


class _Labels(BaseModel):
    model_config = ConfigDict(extra="forbid")
    services: tuple[str, ...] = ()
    system_level: str = ""
    fault_type: str = ""


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    say: str = Field(min_length=1)
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    looks: bool | None = None

    @field_validator("says", "never")
    @classmethod
    def _pattern(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f'"{pattern}" is no pattern: {error}') from error
        return patterns


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str = Field(min_length=1)
    tasks: tuple[Task, ...] = Field(min_length=1)
    app: str
    faults: tuple[_Fault, ...] = ()
    labels: _Labels = _Labels()
    check: Check = "pods"
    noise: int | None = None
    settle_seconds: float = Field(default=UNTIL_PAGED, ge=0, le=86400)
    turns: tuple[_Turn, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    problems: list[_Entry]


def read_folder(folder: Path) -> tuple[Problem, ...]:
    """Read all `*.yaml` of a folder. Raises `UsageError`."""
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not files:
        raise UsageError(f"{folder}: no problem files", hint="they end in .yaml")
    found = [problem for file in files for problem in read_file(file)]
    seen: set[str] = set()
    for problem in found:
        if problem.id in seen:
            raise UsageError(f"{folder}: two problems are called {problem.id}")
        seen.add(problem.id)
    return tuple(found)


def read_file(path: Path) -> tuple[Problem, ...]:
    """Read one file. Raises `UsageError` that names the file and the line."""
    try:
        node = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    lines: dict[Path_, int] = {}
    data = _plain(node, (), lines)
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(first["loc"])
        where = ".".join(map(str, place))
        raise UsageError(f"{path}:{_line(lines, place)}: {where}: {first['msg']}") from error
    problems: list[Problem] = []
    for number, entry in enumerate(file.problems):
        _check(path, entry, lines, ("problems", number))
        problems += _problems(path, entry)
    return tuple(problems)


def _problems(path: Path, entry: _Entry) -> list[Problem]:
    return [
        Problem(
            entry.id.replace("{task}", task.value),
            task,
            entry.app if entry.app in bundled_apps() else str((path.parent / entry.app).resolve()),
            tuple(Broken(fault.kind, fault.target) for fault in entry.faults),
            Labels(entry.labels.services, entry.labels.system_level, entry.labels.fault_type),
            entry.check,
            entry.noise,
            entry.settle_seconds,
            tuple(Turn(turn.say, turn.says, turn.never, turn.looks) for turn in entry.turns),
        )
        for task in entry.tasks
    ]


def _check(path: Path, entry: _Entry, lines: dict[Path_, int], at: Path_) -> None:
    """What the schema cannot say: apps, kinds and targets exist, ids stay apart."""

    def refuse(place: Path_, text: str, hint: str = "") -> UsageError:
        return UsageError(f"{path}:{_line(lines, (*at, *place))}: {text}", hint=hint)

    if len(entry.tasks) > 1 and "{task}" not in entry.id:
        raise refuse(("id",), f'"{entry.id}" has several tasks', "write {task} into the id")
    named = entry.app in bundled_apps()
    try:
        app = app_of(entry.app if named else str(path.parent / entry.app))
    except AppError as error:
        raise refuse(("app",), str(error), f"bundled: {', '.join(bundled_apps())}") from error
    if not entry.faults and set(entry.tasks) - {Task.DETECTION, Task.CONVERSATION}:
        raise refuse(
            ("tasks",), "of a healthy app only detection can be asked, or a conversation held"
        )
    if bool(entry.turns) != (Task.CONVERSATION in entry.tasks):
        raise refuse(("tasks",), "a conversation has turns, and nothing else has")
    for number, fault in enumerate(entry.faults):
        if fault.kind not in FAULTS:
            raise refuse(
                ("faults", number, "kind"),
                f'there is no fault "{fault.kind}"',
                "see: incident-copilot lab faults",
            )
        if fault.target not in app.services:
            raise refuse(
                ("faults", number, "target"),
                f'{app.name} has no service "{fault.target}"',
                f"see: incident-copilot lab faults --app {app.name}",
            )


def _plain(node: yaml.Node | None, place: Path_, lines: dict[Path_, int]) -> Any:
    """Turn a node into data, remembering where each part stands."""
    if node is None:
        return None
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found = {}
        for key, value in node.value:
            found[key.value] = _plain(value, (*place, key.value), lines)
            lines[(*place, key.value)] = key.start_mark.line + 1
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, i), lines) for i, item in enumerate(node.value)]
    return yaml.safe_load(yaml.serialize(node))


def _line(lines: dict[Path_, int], place: Path_) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)
