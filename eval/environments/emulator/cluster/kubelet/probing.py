"""Runs the probes of running containers on the clock."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.probes import TITLES, attempt
from eval.environments.emulator.cluster.kubelet.pulling import EventWriter
from eval.environments.emulator.cluster.kubelet.runtime import (
    ContainerState,
    PodState,
    ProbeState,
)
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Programs


class Probing:
    """Attempts, thresholds, Unhealthy events, and what follows from them."""

    def __init__(
        self,
        world: World,
        programs: Programs,
        publish: Callable[[PodState], None],
        event: EventWriter,
        kill: Callable[[Json, PodState, ContainerState, str], None],
    ) -> None:
        self._world = world
        self._programs = programs
        self._publish = publish
        self._event = event
        self._kill = kill

    def begin(self, state: PodState, item: ContainerState) -> None:
        """Start probing a fresh run."""
        item.probes = {}
        for name in TITLES:
            probe = item.spec.get(name)
            if probe:
                item.probes[name] = ProbeState()
                delay = float(probe.get("initialDelaySeconds", 0))
                self._plan(state, item, name, max(delay, self._phase(name, probe)))

    def _phase(self, name: str, probe: Json) -> float:
        """Return when the first attempt falls: readiness is asked at once, others on their tick."""
        if name == "readinessProbe":
            return self._world.names.jitter(1.0, 2.0)
        return float(probe["periodSeconds"]) * self._world.names.jitter(0.6, 0.95)

    def _plan(self, state: PodState, item: ContainerState, name: str, seconds: float) -> None:
        item.probes[name].timer = self._world.clock.call_later(
            seconds, lambda: self._run(state, item, name)
        )

    def _run(self, state: PodState, item: ContainerState, name: str) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or state.stopping or not item.running:
            return
        probe, progress = item.spec[name], item.probes[name]
        if name != "startupProbe" and not item.started:
            self._plan(state, item, name, 1.0)
            return
        if name == "startupProbe" and progress.result is True:
            return
        self._plan(state, item, name, float(probe["periodSeconds"]))
        if item.killing and name != "readinessProbe":
            return
        output = attempt(self._programs, pod, state, item, probe, self._world.clock.now())
        before = progress.result
        if output:
            progress.passed = 0
            progress.failed += 1
            self._failed(pod, state, item, name, output)
        else:
            progress.failed = 0
            progress.passed += 1
            if progress.passed >= probe["successThreshold"]:
                progress.result = True
        if progress.result != before:
            self._publish(state)
        if output or progress.result != before:
            self._world.manager.settle()

    def _failed(
        self, pod: Json, state: PodState, item: ContainerState, name: str, output: str
    ) -> None:
        probe, progress = item.spec[name], item.probes[name]
        text = f"{TITLES[name]} probe failed: {output}"
        self._event(pod, state, item, "Warning", "Unhealthy", text)
        if progress.failed < probe["failureThreshold"]:
            return
        progress.result = False
        if name == "readinessProbe":
            return
        word = TITLES[name].lower()
        progress.failed = 0
        self._kill(
            pod, state, item, f"Container {item.name} failed {word} probe, will be restarted"
        )
