from __future__ import annotations

import pytest

from eval.apps.loader import load_app
from eval.apps.stores_api import StoreRefused
from eval.environments.emulator.traffic.stores import Accounts


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(load_app("hotel_reservation"))


def test_roles_are_taken_and_given(accounts: Accounts) -> None:
    admin = {"user": "admin", "database": "geo-db"}
    accounts.administer("mongodb-geo", "check_role", **admin)
    accounts.administer("mongodb-geo", "revoke_role", **admin)
    assert not accounts.allows("mongodb-geo", "admin", "geo-db")
    assert accounts.knows("mongodb-geo", "admin")
    with pytest.raises(StoreRefused, match="no readWrite on geo-db"):
        accounts.administer("mongodb-geo", "check_role", **admin)
    accounts.administer("mongodb-geo", "grant_role", role="readWrite", **admin)
    accounts.administer("mongodb-geo", "check_role", **admin)


def test_reading_is_not_writing(accounts: Accounts) -> None:
    accounts.administer("mongodb-geo", "grant_role", user="admin", database="geo-db", role="read")
    assert not accounts.allows("mongodb-geo", "admin", "geo-db")


def test_users_come_and_go(accounts: Accounts) -> None:
    accounts.administer("mongodb-geo", "drop_user", user="admin")
    assert not accounts.knows("mongodb-geo", "admin")
    with pytest.raises(StoreRefused, match="Could not find user 'admin'"):
        accounts.administer("mongodb-geo", "grant_role", user="admin", database="geo-db")
    accounts.administer("mongodb-geo", "create_user", user="admin", database="geo-db")
    assert accounts.allows("mongodb-geo", "admin", "geo-db")


def test_stores_without_logins_let_everybody_in(accounts: Accounts) -> None:
    assert accounts.allows("mongodb-user", "anybody", "user-db")
    with pytest.raises(StoreRefused, match="not a store with logins: mongodb-"):
        accounts.administer("mongodb-user", "drop_user", user="x")


def test_unknown_commands_list_the_known(accounts: Accounts) -> None:
    with pytest.raises(StoreRefused, match="create_user, drop_user"):
        accounts.administer("mongodb-geo", "explode", user="admin")
