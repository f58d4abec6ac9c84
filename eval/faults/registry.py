"""All kinds of faults, by name."""

from __future__ import annotations

from typing import Protocol

from eval.apps.model import App
from eval.faults.revoke_database_login import RevokeDatabaseLogin
from eval.faults.scale_to_zero import ScaleToZero
from eval.faults.service_target_port import ServiceTargetPort
from eval.faults.wrong_image import WrongImage
from eval.protocols import Fault


class FaultKind(Protocol):
    """A class of faults: made for an app, it knows which of its services it fits."""

    kind: str

    def __call__(self, app: App) -> Fault:
        """Return the fault for an app."""
        ...

    def targets(self, app: App) -> list[str]:
        """Return the services of an app that it fits, in the app's order, its entry last."""
        ...


_KINDS: tuple[FaultKind, ...] = (
    ServiceTargetPort,
    ScaleToZero,
    WrongImage,
    RevokeDatabaseLogin,
)

FAULTS: dict[str, FaultKind] = {kind.kind: kind for kind in _KINDS}
"""All kinds by name."""


def fault(kind: str, app: App) -> Fault:
    """Return a fault for an app. Raises `ValueError` for an unknown kind."""
    if kind not in FAULTS:
        raise ValueError(f'unknown fault "{kind}": {", ".join(FAULTS)}')
    return FAULTS[kind](app)


def targets(kind: str, app: App) -> list[str]:
    """Return the services of an app that a kind of fault fits. Raises `ValueError`."""
    if kind not in FAULTS:
        raise ValueError(f'unknown fault "{kind}": {", ".join(FAULTS)}')
    return FAULTS[kind].targets(app)


def cases(app: App) -> list[tuple[str, str]]:
    """Return all (kind, target) pairs that fit an app."""
    return [(kind, target) for kind in FAULTS for target in targets(kind, app)]
