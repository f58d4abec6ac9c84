"""How programs write their logs, and what their client libraries say of a failure."""

from __future__ import annotations

from eval.apps.model import Language
from eval.environments.emulator.traffic.languages.base import Dialect
from eval.environments.emulator.traffic.languages.brokers import Kafka, Rabbitmq
from eval.environments.emulator.traffic.languages.cpp import Cpp
from eval.environments.emulator.traffic.languages.databases import Mysql, Postgresql
from eval.environments.emulator.traffic.languages.dotnet import DotNet
from eval.environments.emulator.traffic.languages.go import Go
from eval.environments.emulator.traffic.languages.go_json import GoJson
from eval.environments.emulator.traffic.languages.java import Java, Spring
from eval.environments.emulator.traffic.languages.mongod import Mongod
from eval.environments.emulator.traffic.languages.nginx import NginxLua
from eval.environments.emulator.traffic.languages.nodejs import NodeJs
from eval.environments.emulator.traffic.languages.php import Php
from eval.environments.emulator.traffic.languages.plain import Memcached, Plain, Redis
from eval.environments.emulator.traffic.languages.proxies import Envoy, Nginx
from eval.environments.emulator.traffic.languages.python import Python
from eval.environments.emulator.traffic.languages.ruby import Ruby
from eval.environments.emulator.traffic.languages.rust import Rust

DIALECTS: dict[Language, Dialect] = {
    "go": Go(),
    "go-json": GoJson(),
    "cpp": Cpp(),
    "nginx-lua": NginxLua(),
    "java": Java(),
    "kotlin": Java(),
    "spring": Spring(),
    "python": Python(),
    "nodejs": NodeJs(),
    "dotnet": DotNet(),
    "rust": Rust(),
    "ruby": Ruby(),
    "php": Php(),
    "nginx": Nginx(),
    "envoy": Envoy(),
    "mongod": Mongod(),
    "redis": Redis(),
    "memcached": Memcached(),
    "postgresql": Postgresql(),
    "mysql": Mysql(),
    "kafka": Kafka(),
    "rabbitmq": Rabbitmq(),
    "plain": Plain(),
}
"""All dialects by the name that an app's YAML uses."""
