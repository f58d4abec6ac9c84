"""CronJobs: a Job at each due time, within the concurrency policy and the deadlines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.api.values import Json
from eval.environments.emulator.cluster.clock import Timer
from eval.environments.emulator.cluster.controllers.cron import Schedule, ScheduleError, parse
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    controller_of,
    key_of,
    owner_reference,
    parse_time,
    rfc3339,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "cronjob-controller"
_SLACK_SECONDS = 0.1
_TOO_MANY = 100
_TOO_MANY_TEXT = (
    "too many missed start times: {count}. Set or decrease .spec.startingDeadlineSeconds or check"
    " clock skew"
)
_FORBIDDEN = "Not starting job because prior execution is running and concurrency policy is Forbid"


class CronJobs:
    """Starts Jobs on time and forgets old ones."""

    watches = ("CronJob", "Job")

    def __init__(self, world: World) -> None:
        self._world = world
        self._timers: dict[Key, Timer] = {}

    def affected(self, change: Change) -> Iterable[Key]:
        """The CronJob itself, or the one that controls a changed Job."""
        if change.kind == "CronJob":
            return (key_of(change.last),)
        owner = controller_of(change.last)
        if owner is not None and owner["kind"] == "CronJob":
            return ((change.last["metadata"]["namespace"], owner["name"]),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Note finished Jobs, start the one that is due, and plan the next."""
        cron = self._world.store.get("CronJob", *key)
        planned = self._timers.pop(key, None)
        if planned is not None:
            planned.cancel()
        if cron is None or terminating(cron):
            return
        jobs = [
            job
            for job in self._world.store.owned(uid_of(cron), "Job")
            if (controller_of(job) or {}).get("uid") == uid_of(cron)
        ]
        cron = self._note(cron, jobs)
        self._trim(cron, jobs)
        try:
            schedule, zone = parse(cron["spec"]["schedule"]), _zone(cron)
        except ScheduleError as error:
            text = f"unparseable schedule: {cron['spec']['schedule']} : {error}"
            self._say(cron, "Warning", "UnparseableSchedule", text)
            return
        except (ZoneInfoNotFoundError, ValueError):
            name = cron["spec"].get("timeZone")
            text = f'invalid timeZone: "{name}": unknown time zone {name}'
            self._say(cron, "Warning", "UnknownTimeZone", text)
            return
        if cron["spec"].get("suspend"):
            return
        due = self._due(cron, schedule, zone)
        if due is not None:
            self._start(cron, due)
        upcoming = schedule.next(self._world.clock.now(), zone)
        if upcoming is not None:
            wait = (upcoming - self._world.clock.now()).total_seconds() + _SLACK_SECONDS
            self._timers[key] = self._world.manager.later(wait, self, key)

    def _due(self, cron: Json, schedule: Schedule, zone: tzinfo) -> datetime | None:
        """Return the latest due time that has not been served."""
        now, status = self._world.clock.now(), cron.get("status") or {}
        earliest = parse_time(
            status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        )
        deadline = cron["spec"].get("startingDeadlineSeconds")
        if deadline is not None:
            earliest = max(earliest, now - timedelta(seconds=float(deadline)))
        latest, missed = None, 0
        at = schedule.next(earliest, zone)
        while at is not None and at <= now:
            latest, missed = at, missed + 1
            at = schedule.next(at, zone)
        if missed > _TOO_MANY:
            text = _TOO_MANY_TEXT.format(count=missed)
            self._say(cron, "Warning", "TooManyMissedTimes", text)
        return latest

    def _start(self, cron: Json, due: datetime) -> None:
        world, spec, meta = self._world, cron["spec"], cron["metadata"]
        name = f"{meta['name']}-{int(due.timestamp()) // 60}"
        if world.store.get("Job", meta["namespace"], name) is not None:
            return
        active = (cron.get("status") or {}).get("active") or []
        policy = spec.get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and active:
            self._say(cron, "Normal", "JobAlreadyActive", _FORBIDDEN)
            return
        if policy == "Replace":
            for reference in active:
                self._delete(cron, reference["name"])
            active = []
        template = spec["jobTemplate"]
        of_job = template.get("metadata") or {}
        stamp = {"batch.kubernetes.io/cronjob-scheduled-timestamp": rfc3339(due.astimezone(UTC))}
        job = world.registry.create(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": dict(of_job.get("labels") or {}),
                    "annotations": {**(of_job.get("annotations") or {}), **stamp},
                    "ownerReferences": [owner_reference(cron)],
                },
                "spec": clone(template["spec"]),
            }
        )
        self._say(cron, "Normal", "SuccessfulCreate", f"Created job {name}")
        current = world.store.get("CronJob", *key_of(cron)) or cron
        status = {
            **(current.get("status") or {}),
            "active": [*active, _reference(job)],
            "lastScheduleTime": rfc3339(due.astimezone(UTC)),
        }
        world.store.set_status(current, status)

    def _note(self, cron: Json, jobs: list[Json]) -> Json:
        """Bring the list of active Jobs up to date."""
        status = dict(cron.get("status") or {})
        by_uid = {uid_of(job): job for job in jobs}
        active: list[Json] = []
        for reference in status.get("active") or ():
            job = by_uid.get(reference["uid"])
            if job is None:
                text = f"Active job went missing: {reference['name']}"
                self._say(cron, "Normal", "MissingJob", text)
                continue
            ended = _ended(job)
            if not ended:
                active.append(reference)
                continue
            text = f"Saw completed job: {reference['name']}, condition: {ended}"
            self._say(cron, "Normal", "SawCompletedJob", text)
            at = (job.get("status") or {}).get("completionTime")
            if ended == "Complete" and at:
                status["lastSuccessfulTime"] = max(status.get("lastSuccessfulTime", at), at)
        status.pop("active", None)
        if active:
            status["active"] = active
        self._world.store.set_status(cron, status)
        return self._world.store.get("CronJob", *key_of(cron)) or cron

    def _trim(self, cron: Json, jobs: list[Json]) -> None:
        for kind, field, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            limit = int(cron["spec"].get(field, default))
            ended = [job for job in jobs if _ended(job) == kind and not terminating(job)]
            ended.sort(
                key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"])
            )
            for job in ended[: max(0, len(ended) - limit)]:
                self._delete(cron, job["metadata"]["name"])

    def _delete(self, cron: Json, name: str) -> None:
        namespace = cron["metadata"]["namespace"]
        if self._world.store.get("Job", namespace, name) is None:
            return
        self._world.registry.delete(BY_KIND["Job"], namespace, name)
        self._say(cron, "Normal", "SuccessfulDelete", f"Deleted job {name}")

    def _say(self, cron: Json, type_: EventType, reason: str, text: str) -> None:
        self._world.events.record(cron, type_, reason, text, source=SOURCE)


def _zone(cron: Json) -> tzinfo:
    name = cron["spec"].get("timeZone")
    return ZoneInfo(name) if name else UTC


def _ended(job: Json) -> str:
    for item in (job.get("status") or {}).get("conditions") or ():
        if item["type"] in ("Complete", "Failed") and item["status"] == "True":
            return str(item["type"])
    return ""


def _reference(job: Json) -> Json:
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
