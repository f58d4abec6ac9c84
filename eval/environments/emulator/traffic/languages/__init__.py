"""How programs write their logs, and what their client libraries say of a failure."""

from __future__ import annotations

from eval.apps.model import Language
from eval.environments.emulator.traffic.languages.base import Dialect
from eval.environments.emulator.traffic.languages.cpp import Cpp
from eval.environments.emulator.traffic.languages.go import Go
from eval.environments.emulator.traffic.languages.mongod import Mongod
from eval.environments.emulator.traffic.languages.nginx import NginxLua
from eval.environments.emulator.traffic.languages.plain import Memcached, Plain, Redis

DIALECTS: dict[Language, Dialect] = {
    "go": Go(),
    "cpp": Cpp(),
    "nginx-lua": NginxLua(),
    "mongod": Mongod(),
    "redis": Redis(),
    "memcached": Memcached(),
    "plain": Plain(),
}
"""All dialects by the name that an app's YAML uses."""
