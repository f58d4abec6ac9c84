"""One container's way: image, configuration, run, exit, back-off, restart."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.kubelet import hooks
from eval.environments.emulator.cluster.kubelet.backoff import duration
from eval.environments.emulator.cluster.kubelet.config import config_error, environment
from eval.environments.emulator.cluster.kubelet.files import fixed_files
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.cluster.kubelet.probing import Probing
from eval.environments.emulator.cluster.kubelet.pulling import Pulling
from eval.environments.emulator.cluster.kubelet.runtime import (
    ContainerState,
    Phase,
    PodState,
    is_sidecar,
)
from eval.environments.emulator.cluster.kubelet.status import terminated
from eval.environments.emulator.cluster.objects import rfc3339
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Run

SOURCE = "kubelet"
_CREATE_SECONDS = 0.3
_NOTICE_SECONDS = 1.0
_MESSAGE_LINES = 80
_MESSAGE_BYTES = 2048


class Containers:
    """Starts, watches and restarts containers. `sync` and `publish` are the pod loop's."""

    def __init__(
        self,
        world: World,
        sync: Callable[[PodState], None],
        publish: Callable[[PodState], None],
    ) -> None:
        self._world = world
        self._sync = sync
        self._publish = publish
        self.pulling = Pulling(world, sync, publish, self.event)
        self._probing = Probing(world, publish, self.event, self.kill)

    def event(
        self,
        pod: Json,
        state: PodState,
        item: ContainerState,
        type_: EventType,
        reason: str,
        message: str,
    ) -> None:
        """Record an Event about a container."""
        field = "initContainers" if item.init else "containers"
        field = "ephemeralContainers" if item.ephemeral else field
        self._world.events.record(
            pod,
            type_,
            reason,
            message,
            source=SOURCE,
            host=state.node,
            field_path=f"spec.{field}{{{item.name}}}",
        )

    def sync(self, pod: Json, state: PodState, item: ContainerState) -> float | None:
        """Do the next step for a container; returns the seconds after which to look again."""
        if item.phase not in (Phase.WAITING, Phase.TERMINATED):
            return None
        if item.phase is Phase.TERMINATED and not self._restarts(pod, item):
            return None
        wait = self._crash_wait(pod, state, item)
        if wait is not None:
            return wait
        ready, wait = self.pulling.ensure(pod, state, item)
        if not ready:
            return wait
        error = config_error(self._world.store, state.key[0], item.spec)
        if error:
            self._waiting(item, "CreateContainerConfigError", error)
            self.event(pod, state, item, "Warning", "Failed", f"Error: {error}")
            return self._world.names.jitter(10, 15)
        self._attempt(item)
        item.phase = Phase.STARTING
        item.timers.append(
            self._world.manager.at(_CREATE_SECONDS, lambda: self._start(state, item))
        )
        return None

    def exited(self, state: PodState, item: ContainerState, code: int, oom: bool) -> None:
        """The program of a container ended by itself or was killed."""
        self.finish(item, code, oom=oom)
        self._publish(state)
        if state.active:
            self._world.manager.at(_NOTICE_SECONDS, lambda: self._sync(state))

    def finish(self, item: ContainerState, code: int, *, oom: bool) -> None:
        """Note the end of a run."""
        now = self._world.clock.now()
        item.cancel()
        item.phase = Phase.TERMINATED
        # a run that its kubelet ends is started again before the kubelet has seen its end: the
        # back-off counts from the end of the run before
        item.rests_from = item.finished_at if item.killing else now
        # and it did not start it again when it ended it, if that was too early: it knows by now
        item.backing_off = (
            item.killing and item.rests_from is not None and item.crash.waits(item.rests_from, now)
        )
        item.serving = item.killing = False
        item.finished_at = now
        item.terminated = terminated(item, 137 if oom else code, oom, now)
        if last_words := self._last_words(item, code, now):
            item.terminated["message"] = last_words
        if item.log is not None:
            item.log.close(now)

    def go_on(self, state: PodState, item: ContainerState, run: Run) -> None:
        """Plan what the program in a container does from now on."""
        for timer in item.timers:
            timer.cancel()
        item.timers.clear()
        item.run = run
        if item.log is not None:
            item.log.plan(self._world.clock.now(), run.lines)
        at = self._world.manager.at
        if run.exits_after is not None:
            code, oom = run.exit_code, run.oom
            item.timers.append(at(run.exits_after, lambda: self.exited(state, item, code, oom)))
        if run.listens and (run.exits_after is None or run.ready_after < run.exits_after):
            item.timers.append(at(run.ready_after, lambda: self._serve(state, item)))

    def kill(self, pod: Json, state: PodState, item: ContainerState, message: str) -> None:
        """Stop a container that will be restarted; after its grace period it gets SIGKILL."""
        if item.killing or not item.running:
            return
        item.killing = True
        self.event(pod, state, item, "Normal", "Killing", message)
        grace = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        needs, code = (item.run.stops_after, item.run.stop_code) if item.run else (grace, 137)
        if needs > grace:
            needs, code = grace, 137

        def end() -> None:
            if item.running and state.active:
                self.exited(state, item, code, oom=False)

        item.timers.append(self._world.manager.at(needs, end))

    @staticmethod
    def added(pod: Json, known: Container[str]) -> list[ContainerState]:
        """Return the ephemeral containers of a pod that are not known yet."""
        found = pod["spec"].get("ephemeralContainers") or ()
        new = [item for item in found if item["name"] not in known]
        return [ContainerState(item, init=False, ephemeral=True) for item in new]

    def spec_changed(self, pod: Json, state: PodState) -> None:
        """React to new ephemeral containers and to a new image in a running pod's spec."""
        spec = pod["spec"]
        fresh = self.added(pod, {item.name for item in state.containers})
        if fresh:
            state.containers.extend(fresh)
            self._world.manager.at(_NOTICE_SECONDS, lambda: self._sync(state))
        for field in ("initContainers", "containers"):
            for new in spec.get(field) or ():
                item = state.container(new["name"])
                if item is None or item.spec is new:
                    continue
                changed = item.spec.get("image") != new.get("image")
                item.spec = new
                if changed and not item.init:
                    item.crash.updated = None
                    if item.running:
                        text = f"Container {item.name} definition changed, will be restarted"
                        self.kill(pod, state, item, text)
                    elif not state.stopping:
                        self._sync(state)

    def _restarts(self, pod: Json, item: ContainerState) -> bool:
        if item.ephemeral:
            return False
        policy = pod["spec"].get("restartPolicy", "Always")
        if item.init and not is_sidecar(item):
            return policy != "Never" and not item.succeeded
        if policy == "Never":
            return is_sidecar(item)
        return policy == "Always" or not item.succeeded

    def _crash_wait(self, pod: Json, state: PodState, item: ContainerState) -> float | None:
        last = item.rests_from
        now = self._world.clock.now()
        name, (namespace, pod_name) = item.name, state.key
        if item.backing_off:
            # a kubelet shows why it did not start a container when it looks at the pod the next time:
            # until then it shows how the last run ended
            seconds = duration(item.crash.seconds)
            self._waiting(
                item,
                "CrashLoopBackOff",
                f"back-off {seconds} restarting failed container={name}"
                f" pod={pod_name}_{namespace}({state.uid})",
            )
        if last is None or not item.crash.waits(last, now):
            item.backing_off = False
            return None
        item.rests_from = item.finished_at
        item.backing_off = True
        text = f"Back-off restarting failed container {name} in pod {pod_name}_{namespace}({state.uid})"
        self.event(pod, state, item, "Warning", "BackOff", text)
        return self._world.names.jitter(10, 15)

    def _attempt(self, item: ContainerState) -> None:
        if item.rests_from is not None and item.container_id:
            item.crash.next(item.rests_from, self._world.clock.now())

    def _waiting(self, item: ContainerState, reason: str, message: str) -> None:
        self._retire(item)
        item.phase, item.reason, item.message = Phase.WAITING, reason, message

    @staticmethod
    def _retire(item: ContainerState) -> None:
        if item.terminated is not None:
            item.last_terminated, item.terminated = item.terminated, None

    def _start(self, state: PodState, item: ContainerState) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or not state.active or item.phase is not Phase.STARTING:
            return
        world, now = self._world, self._world.clock.now()
        # the program sees its variables while it starts
        if item.spec.get("env") or item.spec.get("envFrom"):
            item.environment = environment(world.store, pod, item.spec, state.ip)
        run = world.software.start(pod, item.spec, now)
        if run.start_error in ("create", "config"):
            self._cannot_make(pod, state, item, run)
            return
        if item.container_id:
            item.restarts += 1
            item.previous_log = item.log
        self._retire(item)
        self.event(pod, state, item, "Normal", "Created", f"Created container: {item.name}")
        item.container_id = f"containerd://{world.names.hex()}"
        item.log = LogBuffer()
        item.started_at, item.message = now, ""
        item.run = run
        if run.start_error:
            self._cannot_run(pod, state, item, run)
            return
        item.fixed_files = fixed_files(state, item)
        item.phase = Phase.RUNNING
        item.timers.clear()
        self.event(pod, state, item, "Normal", "Started", f"Started container {item.name}")
        self.go_on(state, item, run)
        if failure := hooks.post_start(world, pod, item):
            self.event(pod, state, item, "Warning", "FailedPostStartHook", failure)
            self.event(pod, state, item, "Normal", "Killing", "FailedPostStartHook")
            self.exited(state, item, 137, oom=False)
            return
        self._probing.begin(state, item)
        self._publish(state)
        if item.init and is_sidecar(item):
            self._sync(state)

    def _cannot_make(self, pod: Json, state: PodState, item: ContainerState, run: Run) -> None:
        """The container cannot be made: there is no run, and no restart is counted."""
        made = run.start_error == "create"
        reason = "CreateContainerError" if made else "CreateContainerConfigError"
        self._waiting(item, reason, run.detail)
        self.event(pod, state, item, "Warning", "Failed", f"Error: {run.detail}")
        self._publish(state)
        self._world.manager.at(self._world.names.jitter(10, 15), lambda: self._sync(state))

    def _cannot_run(self, pod: Json, state: PodState, item: ContainerState, run: Run) -> None:
        """The container is made, but its program cannot be executed."""
        error = hooks.exec_error(item.spec, run)
        now = self._world.clock.now()
        item.timers.clear()
        item.phase, item.finished_at, item.rests_from = Phase.WAITING, now, now
        item.reason, item.message = "RunContainerError", error
        item.last_terminated = {
            "exitCode": 128,
            "reason": "StartError",
            "message": error,
            "startedAt": "1970-01-01T00:00:00Z",
            "finishedAt": rfc3339(now),
            "containerID": item.container_id,
        }
        if item.log is not None:
            item.log.close(now)
        self.event(pod, state, item, "Warning", "Failed", f"Error: {error}")
        self._publish(state)
        self._world.manager.at(_NOTICE_SECONDS, lambda: self._sync(state))

    @staticmethod
    def _last_words(item: ContainerState, code: int, now: datetime) -> str:
        """Return the end of the log, where the container asks for it as its termination message."""
        policy = item.spec.get("terminationMessagePolicy")
        if policy != "FallbackToLogsOnError" or not code or item.log is None:
            return ""
        lines = [text for _, text in item.log.lines(now)[-_MESSAGE_LINES:]]
        return "".join(f"{line}\n" for line in lines)[-_MESSAGE_BYTES:]

    def _serve(self, state: PodState, item: ContainerState) -> None:
        item.serving = True
        state.refresh_listening()
