"""What an agent is told: the app, the task, and how to answer. In our own words."""

from __future__ import annotations

from eval.apps.model import App
from eval.problems import Problem, Task

FIRST_STATE = "Please take the next action"

_ASKED = {
    Task.DETECTION: (
        "Find out whether this application has a fault right now.",
        'Call submit with "Yes" when something is wrong and "No" when nothing is.',
    ),
    Task.LOCALIZATION: (
        "The application may have a fault. Find out which of its services it sits in.",
        "Call submit with a list of the names of the faulty services, the most likely first; an empty list when nothing is wrong.",
    ),
    Task.ANALYSIS: (
        "The application has a fault. Find out on which level of the system it lies and of which type it is.",
        "Call submit with a dictionary with two keys: system_level, one of Hardware, Operating System, "
        "Virtualization, Application; and fault_type, one of Misconfiguration, Code Defect, "
        "Authentication Issue, Network/Storage Issue, Operation Error, Dependency Problem.",
    ),
    Task.MITIGATION: (
        "The application has a fault. Repair it, so that users are served as before.",
        "Call submit without arguments when it is repaired.",
    ),
    Task.END_TO_END: (
        "The application may have a fault. Find out where and of which kind, and repair it.",
        "When it is repaired, call submit with a dictionary: has_anomaly (Yes or No), faulty_components "
        "(a list of service names), system_level and fault_type (as far as known).",
    ),
    Task.CONVERSATION: (
        "Somebody asks you about this application. Answer every question from what you find.",
        "Use actions where you must look; a reply without an action is your answer.",
    ),
}
_FORMAT = """Respond with one action at a time, as one block and nothing else in it:
```
<action>(<arguments>)
```
No language tag, no second block. After each action you get its output."""


def description(problem: Problem, app: App) -> str:
    """The app and the task."""
    operations = "\n".join(f"- {request.operation}" for request in app.workload.mix)
    asked, answer = _ASKED[problem.task]
    return (
        f"You are an engineer on call for the service below and work with the tools of its cluster.\n\n"
        f"Service Name: {app.name}\nNamespace: {app.namespace}\nDescription: {app.description}\n"
        f"Supported Operations:\n{operations}\n\n{asked}\n{answer}"
    )


def instructions() -> str:
    """The answer's format."""
    return _FORMAT
