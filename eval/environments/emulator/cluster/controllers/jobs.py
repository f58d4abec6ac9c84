"""Jobs: run pods until enough of them have succeeded, or too many failed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.controllers.job_indexes import (
    index_of,
    indexed,
    missing,
    ranges,
    template_for,
)
from eval.environments.emulator.cluster.controllers.pods import (
    create_pod,
    delete_pod,
    owned_pods,
    ready,
)
from eval.environments.emulator.cluster.objects import (
    Key,
    active,
    controller_of,
    finished,
    is_true,
    key_of,
    parse_time,
    rfc3339,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "job-controller"
_REFUSED_SECONDS = 10.0
_FIRST = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}
_BACKOFF_SECONDS = 10.0
_BACKOFF_LIMIT = 360.0


class Jobs:
    """Runs Jobs, of both completion modes."""

    watches = ("Job", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._resting: dict[str, int] = {}
        self._ended: dict[str, dict[str, Json]] = {}

    def affected(self, change: Change) -> Iterable[Key]:
        """The Job itself, or the one that controls a changed pod."""
        if change.kind == "Job":
            if change.new is None:
                self._ended.pop(uid_of(change.last), None)
            return (key_of(change.last),)
        owner = controller_of(change.last)
        if owner is not None and owner["kind"] == "Job":
            return ((change.last["metadata"]["namespace"], owner["name"]),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Start pods, finish the Job, and write the status."""
        world = self._world
        job = world.store.get("Job", *key)
        if job is None or terminating(job):
            return
        job = self._select(job)
        status: Json = dict(job.get("status") or {})
        if status.get("completionTime") or any(
            item["type"] == "Failed" for item in status.get("conditions") or ()
        ):
            return
        if job["spec"].get("suspend"):
            self._suspend(job, status)
            return
        self._resume(job, status)
        if "startTime" not in status:
            status["startTime"] = rfc3339(world.clock.now())
            if (deadline := job["spec"].get("activeDeadlineSeconds")) is not None:
                world.manager.later(float(deadline), self, key)
        pods = owned_pods(world, job)
        ended = self._remember(job, pods)
        succeeded = [pod for pod in ended if pod["status"]["phase"] == "Succeeded"]
        failed = len(ended) - len(succeeded)
        indexes = {index_of(pod) for pod in succeeded}
        done = len(indexes) if indexed(job) else len(succeeded)
        wanted = job["spec"].get("completions")
        if done >= int(wanted) if wanted is not None else done and not active(pods):
            self._end(
                job,
                status,
                "Complete",
                "CompletionsReached",
                "Reached expected number of succeeded pods",
            )
        elif self._overdue(job, status):
            failed += self._stop(job, pods)
            text = "Job was active longer than specified deadline"
            self._end(job, status, "Failed", "DeadlineExceeded", text)
        elif failed + self._restarts(pods) > int(job["spec"].get("backoffLimit", 6)):
            failed += self._stop(job, pods)
            self._end(
                job,
                status,
                "Failed",
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
        else:
            at_once = int(job["spec"].get("parallelism", 1))
            if wanted is not None:
                at_once = min(at_once, int(wanted) - done)
            elif done:
                # the others of a work queue end by themselves
                at_once = 0
            self._start(job, at_once, failed, indexes)
        running = active(owned_pods(world, job))
        counts = {
            "active": len(running),
            "ready": sum(map(ready, running)),
            "succeeded": done,
            "failed": failed,
        }
        for name, count in counts.items():
            status.pop(name, None)
            if count or name == "ready":
                status[name] = count
        if indexed(job):
            status["completedIndexes"] = ranges(index for index in indexes if index is not None)
        world.store.set_status(job, status)

    def _stop(self, job: Json, pods: list[Json]) -> int:
        """Delete the pods that run; returns how many that were."""
        running = active(pods)
        for pod in running:
            delete_pod(self._world, job, pod)
        return len(running)

    def _remember(self, job: Json, pods: list[Json]) -> list[Json]:
        """Return the pods that ended, those among them that were deleted since."""
        ended = self._ended.setdefault(uid_of(job), {})
        ended.update({uid_of(pod): pod for pod in pods if finished(pod)})
        return list(ended.values())

    def _overdue(self, job: Json, status: Json) -> bool:
        limit = job["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return False
        age = self._world.clock.now() - parse_time(status["startTime"])
        return age.total_seconds() >= float(limit)

    def _suspend(self, job: Json, status: Json) -> None:
        """Stop the Job's pods and start it anew when it is resumed."""
        world = self._world
        self._stop(job, owned_pods(world, job))
        if is_true({"status": status}, "Suspended"):
            return
        status.pop("startTime", None)
        status["active"] = status["ready"] = 0
        self._set(status, "Suspended", True, "JobSuspended", "Job suspended")
        world.events.record(job, "Normal", "Suspended", "Job suspended", source=SOURCE)
        world.store.set_status(job, status)

    def _resume(self, job: Json, status: Json) -> None:
        if is_true({"status": status}, "Suspended"):
            self._set(status, "Suspended", False, "JobResumed", "Job resumed")
            self._world.events.record(job, "Normal", "Resumed", "Job resumed", source=SOURCE)

    def _set(self, status: Json, kind: str, value: bool, reason: str, message: str) -> None:
        now = self._world.clock.now()
        status["conditions"] = set_condition(
            status.get("conditions") or (),
            kind,
            value,
            now,
            reason=reason,
            message=message,
            extra={"lastProbeTime": rfc3339(now)},
        )

    def _expire(self, uid: str) -> None:
        """Remove a finished Job whose time to live is over."""
        job = self._world.store.by_uid("Job", uid)
        if job is not None and not terminating(job):
            self._world.registry.delete(BY_KIND["Job"], *key_of(job))

    def _restarts(self, pods: list[Json]) -> int:
        return sum(
            item["restartCount"]
            for pod in active(pods)
            for item in pod["status"].get("containerStatuses") or ()
        )

    def _start(self, job: Json, wanted: int, failed: int, done: set[int | None]) -> None:
        working = active(owned_pods(self._world, job))
        running = len(working)
        if running >= wanted:
            return
        uid = uid_of(job)
        if failed and self._resting.get(uid, 0) < failed:
            # each failure is followed by a pause that doubles
            self._resting[uid] = failed
            pause = min(_BACKOFF_SECONDS * 2 ** (failed - 1), _BACKOFF_LIMIT)
            self._world.manager.later(pause, self, key_of(job))
            self._resting[f"{uid}/until"] = int(self._world.clock.now().timestamp() + pause)
            return
        if self._world.clock.now().timestamp() < self._resting.get(f"{uid}/until", 0):
            return
        if not indexed(job):
            for _ in range(wanted - running):
                if create_pod(self._world, job, job["spec"]["template"]) is not None:
                    self._world.manager.later(_REFUSED_SECONDS, self, key_of(job))
                    return
            return
        taken = {index for index in (*done, *map(index_of, working)) if index is not None}
        free = missing(int(job["spec"]["completions"]), taken)
        for index in islice(free, wanted - running):
            prefix = f"{job['metadata']['name']}-{index}-"
            refused = create_pod(self._world, job, template_for(job, index), prefix=prefix)
            if refused is not None:
                self._world.manager.later(_REFUSED_SECONDS, self, key_of(job))
                return

    def _end(self, job: Json, status: Json, kind: str, reason: str, message: str) -> None:
        now = self._world.clock.now()
        self._set(status, _FIRST[kind], True, reason, message)
        self._set(status, kind, True, reason, message)
        if (ttl := job["spec"].get("ttlSecondsAfterFinished")) is not None:
            uid = uid_of(job)
            self._world.manager.at(float(ttl), lambda: self._expire(uid))
        if kind == "Complete":
            status["completionTime"] = rfc3339(now)
            self._world.events.record(job, "Normal", "Completed", "Job completed", source=SOURCE)
        else:
            self._world.events.record(job, "Warning", reason, message, source=SOURCE)

    def _select(self, job: Json) -> Json:
        """Give the Job its generated selector and labels."""
        if job["spec"].get("selector"):
            return job
        uid, name = uid_of(job), job["metadata"]["name"]

        def change(new: Json) -> None:
            new["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
            labels = new["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {})
            labels.update(
                {
                    "batch.kubernetes.io/controller-uid": uid,
                    "batch.kubernetes.io/job-name": name,
                    "controller-uid": uid,
                    "job-name": name,
                }
            )

        return self._world.store.edit("Job", key_of(job), change) or job
