from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.incidents import Circumstances, facts, weighed
from retrieval.indexes.diversity import spread
from retrieval.indexes.hybrid import Found
from retrieval.values import DocumentKind, Hit

if TYPE_CHECKING:
    from conftest import OpenIndex

TEXT = """# Port changed

Date: 2025-01-14

Services: orders, basket

## What fixed it

Patched the port.

## Did it hold?

No, the chart took it back a week later.
"""


def hit(identity: str, score: float = 0.5, **metadata: str) -> Hit:
    return Hit(
        identity, DocumentKind.INCIDENT, identity, "", "", score, identity, metadata=metadata
    )


def test_a_text_tells_what_the_front_matter_does_not() -> None:
    assert facts({}, TEXT) == {
        "date": "2025-01-14",
        "services": "orders, basket",
        "held": "false",
    }
    assert facts({"date": "2024-02-02", "held": "true", "services": "x"}, TEXT) == {}
    assert facts({}, "nothing of the kind") == {}


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("Held.", "true"),
        ("Yes, since then.", "true"),
        ("It did not. Again in May.", "false"),
        ("Not for long", "false"),
        ("Nobody knows", None),
    ],
)
def test_outcomes_in_words(said: str, held: str | None) -> None:
    assert facts({}, f"## Did it hold?\n\n{said}\n").get("held") == held


def test_age_outcome_recurrence_and_nearness_order_what_is_alike(now: datetime) -> None:
    today = Circumstances(now, {"orders": 0, "basket": 1, "mail": 3})
    pairs = [
        (hit("old", date="2021-01-01"), hit("new", date="2026-02-01")),
        (hit("far", services="mail"), hit("near", services="[basket]")),
        (hit("broke", held="false"), hit("held", held="true")),
    ]
    for worse, better in pairs:
        assert [each.title for each in weighed([worse, better], today)] == [
            better.title,
            worse.title,
        ]
    again = [
        hit("once", cause="a", services="x"),
        hit("first", cause="b", services="orders", date="2025-01-01"),
        hit("second", cause="b", services="orders", date="2025-06-01", held="false"),
    ]
    ranked = weighed(again, Circumstances())
    assert [each.title for each in ranked][-1] == "once"
    notes = {each.title: each.notes for each in ranked}
    assert notes["once"] == ()
    assert notes["second"] == (
        "its fix did not hold",
        "the same cause on the same service again: first (2025-01-01)",
    )


def test_what_is_not_alike_is_not_brought_up(now: datetime) -> None:
    today = Circumstances(now, {"orders": 0})
    ranked = weighed(
        [hit("alike", 0.9), hit("near", 0.5, services="orders", date="2026-03-01")], today
    )
    assert [each.title for each in ranked] == ["alike", "near"]
    assert all(0 <= each.score <= 1 for each in ranked)


def test_accepted_postmortems_are_found_replaced_and_forgotten(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    index = opened(vectors="exact")
    index.add([library], now)
    told = {"date": "2026-03-01", "services": "orders", "held": "false", "cause": "service.port"}
    report = index.accept("INC-77", "Orders refused after a port change", TEXT, told, now)
    assert (report.added, report.updated) == (1, 0)
    found = index.search_now("orders refused port", today=Circumstances(now, {"orders": 0}))[0]
    assert found.path == "accepted/INC-77"
    assert found.kind is DocumentKind.INCIDENT
    assert found.metadata["id"] == "INC-77"
    assert found.notes == ("its fix did not hold",)
    assert index.accept("INC-77", "Orders refused", TEXT, told, now).updated == 1
    index.refresh(now)
    assert index.search_now("orders refused port")[0].title == "Orders refused"
    assert index.remove(Path("accepted/INC-77")).removed == 1
    assert index.search_now("orders refused port")[0].path != "accepted/INC-77"


def test_copies_do_not_fill_a_list() -> None:
    one = np.array([1.0, 0.0], dtype=np.float32)
    other = np.array([0.0, 1.0], dtype=np.float32)
    found = [Found(number, "", 1.0) for number in range(6)]
    order = spread(found, [one, one, one, other, None, one])
    assert [each.document for each in order] == [0, 1, 3, 4, 2, 5]


def test_five_copies_of_a_runbook_leave_room_for_others(
    opened: OpenIndex, library: Path, now: datetime
) -> None:
    original = (library / "runbooks/certificate.md").read_text()
    for number in range(5):
        (library / f"runbooks/copy-{number}.md").write_text(original)
    index = opened(vectors="exact")
    index.add([library], now)
    hits = index.search_now("renew the certificate dates volume", limit=4)
    assert [each.title for each in hits].count("Certificate expired") == 2
    assert len({each.document for each in hits}) == 4


def test_dates_of_all_kinds_are_read_or_left() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    dates = ("2025-12-31", "2025-12-31T03:00:00Z", "9999-99-99", "yesterday", "")
    ranked = weighed([hit(date, date=date) for date in dates], Circumstances(now))
    assert {each.title for each in ranked[:2]} == set(dates[:2])
