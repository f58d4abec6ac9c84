"""Getting a container's image onto the node."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.kubelet import images
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, Phase, PodState
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import PullProblem

EventWriter = Callable[[Json, PodState, ContainerState, EventType, str, str], None]
_PRESENT_SECONDS = 0.4
_FAILS_AFTER: dict[PullProblem, float] = {"timeout": 30.0, "unknown_host": 0.3}
_REFUSED_SECONDS = 1.1


class Pulling:
    """Image pulls, with the kubelet's back-off per container."""

    def __init__(
        self,
        world: World,
        sync: Callable[[PodState], None],
        publish: Callable[[PodState], None],
        event: EventWriter,
    ) -> None:
        self._world = world
        self._sync = sync
        self._publish = publish
        self._event = event
        self._present: set[tuple[str, str]] = set()

    def on_node(self, node: str) -> list[str]:
        """Return the images that were pulled to a node, sorted."""
        return sorted(image for where, image in self._present if where == node)

    def ensure(self, pod: Json, state: PodState, item: ContainerState) -> tuple[bool, float | None]:
        """Return whether the image is there, and else the seconds after which to look again."""
        image, policy = str(item.spec["image"]), item.spec.get("imagePullPolicy", "IfNotPresent")
        if item.image_ready == image:
            item.image_ready = ""
            return True, None
        legacy = self._world.registry.catalog.version.legacy
        if wrong := images.invalid_name(image, legacy):
            self._fail(item, "InvalidImageName", wrong)
            self._event(pod, state, item, "Warning", "InspectFailed", wrong)
            self._event(pod, state, item, "Warning", "Failed", "Error: InvalidImageName")
            return False, self._world.names.jitter(10, 15)
        present = (state.node, image) in self._present or self._world.software.preloaded(image)
        if policy == "Never" and not present:
            text = f'Container image "{image}" is not present with pull policy of Never'
            self._fail(item, "ErrImageNeverPull", text)
            self._event(pod, state, item, "Warning", "ErrImageNeverPull", text)
            self._event(pod, state, item, "Warning", "Failed", "Error: ErrImageNeverPull")
            return False, self._world.names.jitter(10, 15)
        if present and policy != "Always":
            text = f'Container image "{image}" already present on machine'
            self._event(pod, state, item, "Normal", "Pulled", text)
            return True, None
        now = self._world.clock.now()
        if item.pull_failed_at is not None and item.pull.waits(item.pull_failed_at, now):
            text = f'Back-off pulling image "{image}"'
            self._event(pod, state, item, "Normal", "BackOff", text)
            self._event(pod, state, item, "Warning", "Failed", "Error: ImagePullBackOff")
            self._fail(item, "ImagePullBackOff", f"{text}: ErrImagePull: {item.pull_error}")
            return False, self._world.names.jitter(10, 15)
        self._pull(pod, state, item, image, present)
        return False, None

    def _pull(
        self, pod: Json, state: PodState, item: ContainerState, image: str, present: bool
    ) -> None:
        self._event(pod, state, item, "Normal", "Pulling", f'Pulling image "{image}"')
        item.phase = Phase.PULLING
        problem = self._problem(pod, state, image)
        seconds = _PRESENT_SECONDS if present else images.pull_seconds(image)
        if problem:
            seconds = _FAILS_AFTER.get(problem, _REFUSED_SECONDS)
        item.timers.append(
            self._world.manager.at(seconds, lambda: self._pulled(state, item, image, seconds))
        )

    def _problem(self, pod: Json, state: PodState, image: str) -> PullProblem:
        secrets, missing = [], []
        for reference in pod["spec"].get("imagePullSecrets") or ():
            name = reference.get("name", "")
            found = self._world.store.get("Secret", state.key[0], name)
            if found is None:
                missing.append(name)
            else:
                secrets.append(found)
        if missing:
            self._world.events.record(
                pod,
                "Warning",
                "FailedToRetrieveImagePullSecret",
                f"Unable to retrieve some image pull secrets ({', '.join(missing)});"
                " attempting to pull the image may not succeed.",
                source="kubelet",
                host=state.node,
            )
        return self._world.software.pull_problem(image, secrets)

    def _pulled(self, state: PodState, item: ContainerState, image: str, seconds: float) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or not state.active or item.phase is not Phase.PULLING:
            return
        item.phase = Phase.WAITING
        now = self._world.clock.now()
        problem = self._problem(pod, state, image)
        if image == item.spec["image"] and not problem:
            self._present.add((state.node, image))
            item.image_ready = image
            item.pull_failed_at = None
            took = f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
            if seconds < 1:
                took = f"{seconds * 1000:.0f}ms"
            self._event(
                pod,
                state,
                item,
                "Normal",
                "Pulled",
                f'Successfully pulled image "{image}" in {took} ({took} including waiting).'
                f" Image size: {images.image_size(image)} bytes.",
            )
        else:
            item.pull_error = images.pull_error(image, problem or "not_found")
            item.pull.next(now, now)
            item.pull_failed_at = now
            text = f'Failed to pull image "{image}": {item.pull_error}'
            self._event(pod, state, item, "Warning", "Failed", text)
            self._event(pod, state, item, "Warning", "Failed", "Error: ErrImagePull")
            self._fail(item, "ErrImagePull", item.pull_error)
            self._retry(state)
            return
        self._sync(state)

    def _retry(self, state: PodState) -> None:
        """Show the failure, and come back when the pod is looked at again."""
        self._publish(state)
        self._world.manager.at(self._world.names.jitter(10, 15), lambda: self._sync(state))

    @staticmethod
    def _fail(item: ContainerState, reason: str, message: str) -> None:
        item.phase, item.reason, item.message = Phase.WAITING, reason, message
        if item.terminated is not None:
            item.last_terminated, item.terminated = item.terminated, None
