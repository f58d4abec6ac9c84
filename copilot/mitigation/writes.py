"""Sends planned writes to the cluster: one, or several that are all done or none."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.errors import ConnectorError, SourceMissing, SourceRejected
from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json
from copilot.mitigation import accounts
from copilot.mitigation.diff import object_diff
from copilot.mitigation.plans import CREATE, DELETE, REPLACE, RUN, Plan
from copilot.model.action import StoreAccount
from copilot.model.clock import Clock
from copilot.model.scope import ObjectRef

ON = "on"
"""Operation of a stored undo: `patch` is for `object`."""
_TRIES = 45
_PAUSE = 2.0


class Writes:
    """Carries plans out. Raises `ConnectorError` of what the server refuses."""

    def __init__(self, writer: ClusterWriter, reader: ClusterReader, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def dry_run(self, planned: Sequence[Plan]) -> str:
        """Let the server check every write, and return what would change."""
        diffs = []
        for plan in planned:
            after = await self.send(plan.object, plan.do, dry_run=True)
            if plan.do[0]["op"] in (CREATE, REPLACE):
                after = plan.do[0]["value"]  # the server makes up addresses anew each time
            diffs.append(object_diff(plan.before, after))
        return "\n".join(diff for diff in diffs if diff)

    async def apply(self, planned: Sequence[Plan]) -> None:
        """Do all writes in order; when one is refused, those before it are taken back."""
        done: list[Plan] = []
        try:
            for plan in planned:
                await self.send(plan.object, plan.do)
                done.append(plan)
        except ConnectorError:
            for plan in reversed(done):
                await self.send(plan.object, plan.undo)
            raise

    async def take_back(self, target: ObjectRef, undo: Sequence[Json], *, partly: bool) -> None:
        """Undo what `inverse` stored. `partly`: it may be that not every write had been done.

        A replaced claim that has got its volume meanwhile is not taken from the pods that use it:
        then nothing is undone. Raises `SourceRejected`.
        """
        for step in undo:
            whole = step.get("op") == ON
            for each in step["patch"] if whole else [step]:
                if each.get("op") == REPLACE:
                    await self._still_free(ObjectRef(**step["object"]) if whole else target)
        if not any(step.get("op") == ON for step in undo):
            await self.send(target, list(undo))
            return
        for step in undo:
            try:
                await self.send(ObjectRef(**step["object"]), step["patch"])
            except (SourceRejected, SourceMissing):
                # The guard of a write that had not been done yet does not hold.
                if not partly:
                    raise

    async def _still_free(self, target: ObjectRef) -> None:
        try:
            body = await self._reader.get(target.kind, target.namespace, target.name)
        except SourceMissing:
            return
        if (body.get("status") or {}).get("phase") == "Bound":
            raise SourceRejected(f"{target} is bound now, and its pods use its data")

    async def send(
        self, target: ObjectRef, patch: list[Json], *, dry_run: bool = False
    ) -> dict[str, object]:
        """Send one write; returns the object afterwards, its kind and name where it is gone."""
        where = (target.kind, target.namespace)
        operation = patch[0] if patch else {}
        if operation.get("op") == RUN:
            return await self._run(target, operation, dry_run=dry_run)
        if operation.get("op") == CREATE:
            return await self._writer.create(*where, operation["value"], dry_run=dry_run)
        if operation.get("op") in (DELETE, REPLACE):
            await self._writer.delete(*where, target.name, dry_run=dry_run)
            if operation["op"] == REPLACE and not dry_run:
                return await self._again(target, operation["value"])
            return {"kind": target.kind, "metadata": {"name": target.name}}
        return await self._writer.patch(*where, target.name, patch, type="json", dry_run=dry_run)

    async def _run(self, target: ObjectRef, step: Json, *, dry_run: bool) -> dict[str, object]:
        """Run a command in a ready pod; a dry run only looks, with the same login."""
        labels = ",".join(f"{k}={v}" for k, v in sorted(step["labels"].items()))
        pods = await self._reader.list("Pod", target.namespace, labels=labels)
        ready = [p for p in pods if is_ready(p)]
        if not ready:
            raise SourceRejected(f"no pod of {target} is ready")
        name = ready[0]["metadata"]["name"]
        command = step["look"] if dry_run else step["command"]
        code, said = await self._writer.execute(target.namespace, name, step["container"], command)
        if code:
            raise SourceRejected(f"in pod {name}: exit code {code}: {' '.join(said.split())[:200]}")
        if not dry_run:
            return {"kind": target.kind, "metadata": {"name": target.name}}
        value = {**step["value"], "object": ObjectRef(**step["value"]["object"])}
        action = StoreAccount(**value)
        has = accounts.has_it(action, said)
        return accounts.shown(action, has=not has)

    async def _again(self, target: ObjectRef, body: Json) -> dict[str, object]:
        """Create what was just deleted; while its end is under way the server refuses it."""
        for attempt in range(_TRIES):
            try:
                return await self._writer.create(target.kind, target.namespace, body)
            except SourceRejected:
                if attempt == _TRIES - 1:
                    raise
                await self._clock.sleep(_PAUSE)
        raise AssertionError("unreachable")


def inverse(planned: Sequence[Plan]) -> list[Json]:
    """Return what takes the writes back, as it is stored: the last write first."""
    if len(planned) == 1:
        return planned[0].undo
    return [
        {
            "op": ON,
            "object": {"kind": p.object.kind, "namespace": p.object.namespace, "name": p.object.name},
            "patch": p.undo,
        }
        for p in reversed(planned)
    ]  # fmt: skip


def is_ready(pod: Json) -> bool:
    """Whether a pod is ready and not on its way out."""
    conditions = pod.get("status", {}).get("conditions") or []
    return not pod["metadata"].get("deletionTimestamp") and any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in conditions
    )
