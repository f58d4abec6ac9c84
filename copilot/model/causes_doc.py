"""Writes `docs/causes.md` from the taxonomy: `python -m copilot.model.causes_doc > docs/causes.md`."""

from __future__ import annotations

from copilot.model.causes import CAUSES

_HEAD = """# Causes

Every root cause in an answer or a report carries one of these ids. They are a public interface:
ids are added, never renamed. *Repairs* is the kind of object whose change would repair it
(*workload*: the top-level controller). The last two columns are the answers that AIOpsLab's analysis
task asks for. Generated from `copilot/model/causes.py`.

| id | what it means | repairs | system level | fault type |
| --- | --- | --- | --- | --- |
"""


def render() -> str:
    """Return the whole page."""
    rows = [
        f"| `{c.id}` | {c.title} | {c.repairs} | {c.system_level} | {c.fault_type} |"
        for c in CAUSES.values()
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(render(), end="")
