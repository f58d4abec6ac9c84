"""The administration of an app's own parts, and of the hosts under it, whichever environment runs them.

`Environment.administer(target, command, **arguments)` takes a service of the app and one of:

stores (MongoDB, PostgreSQL, MySQL, Redis, brokers)
    create_user, drop_user, grant_role, revoke_role, check_role: `user`, `database`, `role`
    ("readWrite" unless given). `check_role` changes nothing and raises unless the user has access.
    set_password, check_password: `user`, `password`.
    require_tls, accept_plain: refuse, or serve, clients without TLS; check_plain raises while refused.
    hold_lock, release_lock, check_lock: `table`; a session holds an exclusive lock, readers wait.
    set_max_connections: `number` (0: as the app describes).
    fill, drain: `megabytes` of payload in memory.
    publish_poison, skip_poison: `topic`; a message that its consumers cannot parse heads the queue.

hosts (whoever runs the machines does this; no Kubernetes object changes)
    impair: `delay_ms`, `loss` (0 to 1) on the pods' network; 0 and 0 takes it back.
    kill: ends the main process of one container with SIGKILL, once.
    fail: the pods' processes stop answering and fail to start for `seconds`.
    exhaust: `what` in ("connections", "file_descriptors", "ports", "disk", "shm"); relieve takes it back.
    clock: shift the pods' clock by `seconds`.

An environment that cannot do a command raises `Unsupported`, so that the fault is known not to fit.
"""

from __future__ import annotations


class StoreRefused(ValueError):
    """A part refuses an administration command; the text says why."""


class Unsupported(StoreRefused):
    """This environment has no such administration."""
