"""What may be chosen in the lab: apps, kinds of faults, and the services that a kind fits."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.apps.loader import bundled_apps, load_app
from eval.apps.model import App
from eval.faults.registry import FAULTS


class UnknownChoice(ValueError):
    """There is no such thing; `hint` names what is meant, or what there is."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One kind of fault in the list. `targets` are the services that it fits, `unfit` the environments
    that cannot do it, with the reason."""

    kind: str
    family: str
    summary: str
    targets: tuple[str, ...]
    unfit: Mapping[str, str]


def choose_app(name: str) -> App:
    """Load an app by name or by the path of its YAML. Raises `UnknownChoice`, `AppError`."""
    if not name.endswith((".yaml", ".yml")) and name not in bundled_apps():
        message = f'there is no app "{name}"'
        raise UnknownChoice(
            message, nearest(name, bundled_apps(), "or give the path of a .yaml file")
        )
    return load_app(name)


def choose_faults(
    app: App, kinds: Sequence[str], targets: Sequence[str], environment: str
) -> list[tuple[str, str]]:
    """Pair each kind with its target, by default the first service that it fits.

    Raises `UnknownChoice` for an unknown kind, a service that the kind does not fit, or an
    environment that cannot do it.
    """
    if targets and len(targets) != len(kinds):
        raise UnknownChoice(
            f"{len(kinds)} --fault and {len(targets)} --target",
            "give one --target for each --fault, in the same order, or none",
        )
    chosen = []
    for place, kind in enumerate(kinds):
        if kind not in FAULTS:
            raise UnknownChoice(
                f'there is no fault "{kind}"',
                nearest(kind, FAULTS, "see: incident-copilot lab faults"),
            )
        reason = FAULTS[kind].unfit.get(environment)
        if reason:
            raise UnknownChoice(
                f"{kind} cannot be done in the environment {environment}: {reason}",
                "take another fault, or --environment emulator",
            )
        fits = FAULTS[kind].targets(app)
        if not fits:
            raise UnknownChoice(
                f"{kind} fits no service of {app.name}",
                f"see: incident-copilot lab faults --app {app.name}",
            )
        target = targets[place] if targets else fits[0]
        if target not in fits:
            what = "does not fit" if target in app.services else "cannot go to the unknown service"
            raise UnknownChoice(f"{kind} {what} {target}", nearest(target, fits))
        chosen.append((kind, target))
    return chosen


def fault_rows(app: App | None) -> list[FaultRow]:
    """All kinds of faults; with an app those that fit it, and where."""
    rows = []
    for name, kind in FAULTS.items():
        fits = tuple(kind.targets(app)) if app else ()
        if fits or app is None:
            rows.append(FaultRow(name, kind.family, kind.summary, fits, dict(kind.unfit)))
    return rows


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Say which known name is meant, or which there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 3)
    said = f"did you mean {' or '.join(near)}" if near else f"there are: {', '.join(names)}"
    return "; ".join(filter(None, (said, otherwise)))
