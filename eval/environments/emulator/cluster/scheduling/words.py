"""The scheduler's message for a pod that fits nowhere."""

from __future__ import annotations

from collections.abc import Mapping


def refusal_text(
    total: int, reasons: Mapping[str, int], hopeless: int, common: str = "", preempts: str = ""
) -> str:
    """Return the FailedScheduling message.

    `reasons` count nodes, `hopeless` those on which evicting others could not help; `common` is a
    reason that concerns the pod on all nodes; `preempts` replaces the outcome of preemption, and
    "-" means that it makes room.
    """
    if not total:
        return "no nodes available to schedule pods"
    listed = common or ", ".join(sorted(f"{count} {why}" for why, count in reasons.items()))
    message = f"0/{total} nodes are available: {listed}."
    if preempts == "-":
        return message
    if preempts:
        return f"{message} preemption: {preempts}"
    parts = []
    if total - hopeless:
        parts.append(f"{total - hopeless} No preemption victims found for incoming pod")
    if hopeless:
        parts.append(f"{hopeless} Preemption is not helpful for scheduling")
    return f"{message} preemption: 0/{total} nodes are available: {', '.join(sorted(parts))}."
