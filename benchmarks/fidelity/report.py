"""Precision and recall of the emulator's symptoms, with every difference by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.fidelity.app_side import FEWER

WINDOW_SECONDS = 30.0
"""Two scrapes of the emulator's Prometheus; the real programs' counters are read directly."""
SETTLE_SECONDS = 45.0
"""From the injection to the window in which edges are counted."""
SAMPLE_SECONDS = 5.0
"""Between two looks at the states of objects."""
AIM = 0.95
Row = Mapping[str, Any]
ENOUGH_CALLS = 40
"""Calls of a healthy edge in a window, in both environments, from which its shifts are more than chance."""
_BY_CHANCE = (
    "Normal Pulling",
    "Warning FailedToUpdateEndpoint",
    "Warning FailedToUpdateEndpointSlices",
)
_SIDES = {"kube": "Kubernetes side", "app": "app side"}


def differences(emulated: Row, real: Row, side: str) -> tuple[set[Any], set[Any]]:
    """The symptoms of one side in the emulator and on the cluster, without what is usual in either.

    An edge counts where both carried enough calls to tell.
    """
    usual = {tuple(s) for row in (emulated, real) for s in row["seen_usual"]}
    quiet = {
        edge
        for row in (emulated, real)
        for edge in {*emulated["usual_calls"], *real["usual_calls"]}
        if row["usual_calls"].get(edge, 0) < ENOUGH_CALLS
    }
    found = []
    for row in (emulated, real):
        symptoms = {tuple(s) for s in row[f"seen_{side}"]} - usual
        found.append({s for s in symptoms if not _beside_the_point(s, quiet)})
    return found[0], found[1]


def _beside_the_point(symptom: Any, quiet: set[str]) -> bool:
    """Quiet edges; and what tells of the means: the twin's stock image is never pulled again, and the
    endpoints controller meets conflicts by chance on a busy machine."""
    return (symptom[0] == "edge" and symptom[1] in quiet) or symptom[2] in _BY_CHANCE


def pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The cases that both environments have done."""
    by_key: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        by_key.setdefault((row["app"], row["kind"], row["target"]), {})[row["where"]] = row
    return [(both["emulator"], both["kube"]) for both in by_key.values() if len(both) == 2]


def markdown(rows: Sequence[Row]) -> str:
    """The whole report."""
    compared = pairs(rows)
    totals = {side: [0, 0, 0] for side in _SIDES}
    details: list[str] = []
    table: list[str] = []
    for emulated, real in compared:
        cells = []
        lines: list[str] = []
        for side in _SIDES:
            here, there = differences(emulated, real, side)
            both = here & there
            for place, number in enumerate((len(both), len(here), len(there))):
                totals[side][place] += number
            cells += [_share(len(both), len(here)), _share(len(both), len(there))]
            lines += [f"- only in the emulator: {_shown(s)}" for s in sorted(here - there)]
            lines += [f"- only on the cluster: {_shown(s)}" for s in sorted(there - here)]
        table.append(f"| {real['app']} | {real['kind']} | {real['target']} | {' | '.join(cells)} |")
        if lines:
            details += ["", f"### {real['app']}: {real['kind']} on {real['target']}", "", *lines]
    kinds = len({real["kind"] for _, real in compared})
    recounted = sum("windows" not in real for _, real in compared)
    result = [
        "# How true the emulator is",
        "",
        f"{len(compared)} cases ({kinds} kinds of faults) in the emulator and on a real cluster, written by",
        "`python -m benchmarks.twin_fidelity`. Precision: of what the emulator shows, how much the cluster shows; recall: of",
        "what the cluster shows, how much the emulator does.",
        "",
        f"Both sides go through the same steps: count calls for {WINDOW_SECONDS:.0f} s and note what the healthy app shows; inject; look every",
        f"{SAMPLE_SECONDS:.0f} s for {SETTLE_SECONDS:.0f} s; count calls for {WINDOW_SECONDS:.0f} s; recover. Kubernetes side: every state that was seen of pods, workloads, endpoints",
        "and claims, and events. App side: templates of log lines, and errors, slowness and fewer calls per edge of the call graph.",
        "Left out, on both sides, is what is not the fault's:",
        "",
        "- what the healthy app shows too, in either environment;",
        f"- edges with fewer than {ENOUGH_CALLS} calls in a healthy window, whose shifts are chance;",
        f"- {', '.join(f'`{name}`' for name in _BY_CHANCE)}: the stock image is on the node already, and",
        "  the endpoints controller meets conflicts by chance on a busy machine.",
        "",
        f"Fewer calls: less than {FEWER:.0%} of the healthy window's. An edge of {ENOUGH_CALLS} calls in each of two windows falls below half by chance",
        "once in 400 times (20 of 40 is 2.8 standard deviations of such counts away). A line at 40 % would lie on what an edge of",
        "HotelReservation keeps when the search fails and the recommendations do not (39 % of its calls): chance alone would",
        "decide on which side of it either environment is.",
        *(
            [
                f"In {recounted} of the real cases the calls of the broken window are those that the cluster's Prometheus scraped (10 s);",
                "in the others they were read from the programs themselves.",
            ]
            if recounted
            else []
        ),
        "",
        "| | precision | recall | symptoms in both | aim |",
        "| --- | --- | --- | --- | --- |",
    ]
    for side, name in _SIDES.items():
        common, emulated_ones, real_ones = totals[side]
        precision, recall = _share(common, emulated_ones), _share(common, real_ones)
        reached = emulated_ones and min(common / emulated_ones, common / (real_ones or 1)) >= AIM
        result.append(
            f"| {name} | {precision} | {recall} | {common} | {AIM}: {'reached' if reached else 'missed'} |"
        )
    result += [
        "",
        "| app | fault | target | K precision | K recall | app precision | app recall |",
        "| --- " * 7 + "|",
    ]
    return (
        "\n".join([*result, *table, "", "## Every difference", *(details or ["", "None."])]) + "\n"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def _shown(symptom: Iterable[str]) -> str:
    kind, place, what = symptom
    return f"{kind} `{place}`: `{what}`".replace("|", "\\|")
