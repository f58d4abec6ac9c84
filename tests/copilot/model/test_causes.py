from pathlib import Path

from copilot.model.causes import CAUSES
from copilot.model.causes_doc import render

ROOT = Path(__file__).parents[3]

SYSTEM_LEVELS = {"Hardware", "Operating System", "Virtualization", "Application"}
FAULT_TYPES = {
    "Misconfiguration",
    "Code Defect",
    "Authentication Issue",
    "Network/Storage Issue",
    "Operation Error",
    "Dependency Problem",
}


def test_the_page_is_what_the_table_says() -> None:
    assert (ROOT / "docs" / "causes.md").read_text() == render()


def test_every_cause_has_aiopslabs_answers() -> None:
    for cause in CAUSES.values():
        assert cause.system_level in SYSTEM_LEVELS, cause.id
        assert cause.fault_type in FAULT_TYPES, cause.id


def test_ids_are_unique_and_well_formed() -> None:
    assert len(CAUSES) > 60
    for id in CAUSES:
        assert id == "unknown" or id.count(".") == 1, id
