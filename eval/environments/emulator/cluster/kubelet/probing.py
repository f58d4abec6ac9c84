"""Runs the probes of running containers on the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.clock import Timer, VirtualClock
from eval.environments.emulator.cluster.kubelet.probes import (
    TITLES,
    Attempt,
    Errored,
    prepare,
)
from eval.environments.emulator.cluster.kubelet.pulling import EventWriter
from eval.environments.emulator.cluster.kubelet.runtime import (
    ContainerState,
    Phase,
    PodState,
    ProbeState,
)
from eval.environments.emulator.cluster.world import World

_GRAIN_SECONDS = 0.1
Passes = Callable[[datetime], bool]


class Rounds:
    """Does the work of many probes that keep passing with one timer for those of one instant."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._slots: dict[tuple[float, int], list[Passes]] = {}

    def join(self, period: float, passes: Passes) -> None:
        """Call `passes` every `period` seconds, to a tenth of a second, until it says False."""
        now = self._clock.now()
        grain = int(now.timestamp() / _GRAIN_SECONDS) % round(period / _GRAIN_SECONDS)
        slot = self._slots.get((period, grain))
        if slot is not None:
            slot.append(passes)
            return
        self._slots[period, grain] = [passes]
        self._clock.call_later(period, lambda: self._round(period, grain))

    def _round(self, period: float, grain: int) -> None:
        now, slot = self._clock.now(), (period, grain)
        members = self._slots[slot]
        # those who join during the round wait for the next one
        joined = self._slots[slot] = []
        staying = [passes for passes in members if passes(now)]
        joined[:0] = staying
        if joined:
            self._clock.call_later(period, lambda: self._round(period, grain))
        else:
            del self._slots[slot]


class Probing:
    """Attempts, thresholds, Unhealthy events, and what follows from them."""

    def __init__(
        self,
        world: World,
        publish: Callable[[PodState], None],
        event: EventWriter,
        kill: Callable[[Json, PodState, ContainerState, str], None],
    ) -> None:
        self._world = world
        self._publish = publish
        self._event = event
        self._kill = kill
        self._rounds = Rounds(world.clock)

    def begin(self, state: PodState, item: ContainerState) -> None:
        """Start probing a fresh run."""
        item.probes = {}
        for name in TITLES:
            probe = item.spec.get(name)
            if probe:
                item.probes[name] = progress = ProbeState()
                delay = float(probe.get("initialDelaySeconds", 0))
                run = self._runner(state, item, name, probe, progress)
                progress.timer = self._world.clock.call_later(
                    max(delay, self._phase(name, probe)), run
                )

    def _phase(self, name: str, probe: Json) -> float:
        """Return when the first attempt falls: readiness is asked at once, others on their tick."""
        if name == "readinessProbe":
            return self._world.names.jitter(1.0, 2.0)
        return float(probe["periodSeconds"]) * self._world.names.jitter(0.6, 0.95)

    def _runner(
        self, state: PodState, item: ContainerState, name: str, probe: Json, progress: ProbeState
    ) -> Callable[[], None]:
        """Return the probe's worker. While the probe goes on passing, the rounds do its work."""
        attempt: Attempt = prepare(self._world.software, state, item, probe)
        clock, store = self._world.clock, self._world.store
        seconds = float(probe["periodSeconds"])
        period = timedelta(seconds=seconds)
        get, key = store.get, state.key
        soon = timedelta(seconds=1)
        startup = name == "startupProbe"

        def passes(now: datetime) -> bool:
            """Try again on a round; False when the rounds are not to come back."""
            if timer.cancelled or item.phase is not Phase.RUNNING:
                return False
            if state.frozen:
                return True
            pod = get("Pod", *key)
            if pod is None or state.stopping:
                return False
            if item.killing:
                return True
            output = attempt(pod, now)
            if output is None:
                return True
            progress.timer = clock.call_at(now + period, run)
            self._note(pod, state, item, name, probe, progress, output)
            return False

        timer = Timer(clock.now(), lambda: None)

        def run() -> None:
            nonlocal timer
            now = clock.now()
            pod = store.get("Pod", *state.key)
            if pod is None or (state.stopping and not state.draining) or not item.running:
                return
            if state.frozen:
                progress.timer = clock.call_at(now + period, run)
                return
            if startup:
                if progress.result is True:
                    return
            elif not item.started:
                progress.timer = clock.call_at(now + soon, run)
                return
            if item.killing and name != "readinessProbe":
                progress.timer = clock.call_at(now + period, run)
                return
            output = attempt(pod, now)
            if output is None and progress.result is True and not progress.failed:
                progress.timer = timer = Timer(now, run)
                self._rounds.join(seconds, passes)
                return
            progress.timer = clock.call_at(now + period, run)
            self._note(pod, state, item, name, probe, progress, output)

        return run

    def _note(
        self,
        pod: Json,
        state: PodState,
        item: ContainerState,
        name: str,
        probe: Json,
        progress: ProbeState,
        output: str | None,
    ) -> None:
        before = progress.result
        if isinstance(output, Errored):
            text = f"{TITLES[name]} probe errored and resulted in unknown state: {output}"
            self._event(pod, state, item, "Warning", "Unhealthy", text)
        elif output is not None:
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
        if output is not None or progress.result != before:
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
