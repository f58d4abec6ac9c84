"""What every part of the cluster's machinery needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.cluster.events import Recorder
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.manager import Manager
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.registry import Registry
from eval.environments.emulator.cluster.software import Software
from eval.environments.emulator.cluster.store import Store


@dataclass(frozen=True, slots=True)
class World:
    """One cluster's clock, objects and machinery."""

    clock: VirtualClock
    names: Names
    store: Store
    index: Index
    software: Software
    registry: Registry
    events: Recorder
    manager: Manager
