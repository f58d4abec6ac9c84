"""A loopback server that speaks OpenAI's `/v1/embeddings`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

from retrieval.indexes.words import terms


def vector(text: str, dimension: int) -> list[float]:
    row = [0.01] * dimension
    for term in terms(text):
        row[crc32(term.encode()) % dimension] += 2.0
    return row


class Endpoint:
    """What the server does; `refuse` gives (status, headers, body) for a request or None to answer it."""

    def __init__(self) -> None:
        self.dimension = 48
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: Callable[[int], tuple[int, dict[str, str], object] | None] = lambda _: None
        self.spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda data: data
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append(body)
                endpoint.headers.append({k.lower(): v for k, v in self.headers.items()})
                status, headers, answer = endpoint.answer(self.path, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], object]:
        refused = self.refuse(len(self.requests))
        if refused is not None:
            return refused
        assert path == "/v1/embeddings"
        length = body.get("dimensions") or self.dimension
        data = [
            {"object": "embedding", "index": number, "embedding": vector(text, length)}
            for number, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        # In another order: the index counts.
        return (
            200,
            {},
            {
                "object": "list",
                "model": body["model"],
                "usage": usage,
                "data": self.spoil(data)[::-1],
            },
        )
