"""The administration of an app's stores, whichever environment runs them."""

from __future__ import annotations


class StoreRefused(ValueError):
    """A store refuses an administration command; the text says why.

    Environments raise it from `administer`. Commands: create_user, drop_user, grant_role,
    revoke_role, check_role; arguments: user, database, role ("readWrite" unless given).
    `check_role` changes nothing and raises unless the user has the access.
    """
