"""What may be chosen in the lab, and what is said of a wrong choice."""

from __future__ import annotations

import pytest

from eval.apps.loader import load_app
from eval.faults.registry import FAULTS, targets
from eval.lab.choices import UnknownChoice, choose_app, choose_faults, fault_rows


def test_a_fault_without_target_gets_the_first_that_fits() -> None:
    app = load_app("hotel_reservation")
    assert choose_faults(app, ["scale_to_zero"], [], "emulator") == [
        ("scale_to_zero", targets("scale_to_zero", app)[0])
    ]


@pytest.mark.parametrize(
    ("kinds", "places", "hint"),
    [
        (["scale_to_zer"], [], "scale_to_zero"),
        (["scale_to_zero"], ["geoo"], "geo"),
        (["scale_to_zero"], ["geo", "rate"], "one --target for each --fault"),
    ],
)
def test_a_wrong_choice_names_the_nearest(kinds: list[str], places: list[str], hint: str) -> None:
    with pytest.raises(UnknownChoice) as caught:
        choose_faults(load_app("hotel_reservation"), kinds, places, "emulator")
    assert hint in caught.value.hint


def test_an_unknown_app_names_the_nearest() -> None:
    with pytest.raises(UnknownChoice) as caught:
        choose_app("hotel_reservatoin")
    assert "hotel_reservation" in caught.value.hint


def test_a_fault_that_an_environment_cannot_do_says_why() -> None:
    app = load_app("social_network")
    kind = next(n for n, k in FAULTS.items() if "kube" in k.unfit and k.targets(app))
    assert choose_faults(app, [kind], [], "emulator")
    with pytest.raises(UnknownChoice, match="cannot be done in the environment kube"):
        choose_faults(app, [kind], [], "kube")


def test_an_apps_list_has_only_what_fits_it() -> None:
    rows = fault_rows(load_app("hotel_reservation"))
    assert 0 < len(rows) < len(fault_rows(None)) == len(FAULTS)
    assert all(row.targets for row in rows)
