"""A neighbourhood's tool library: one program, three services. It runs inside the pods.

`desk` lends over the counter and asks `loans`, which keeps the books and asks `shelf`, which knows
where each tool lies. Standard library only.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOOLS = ("cordless drill", "belt sander", "tile cutter", "step ladder", "hedge trimmer")

Answer = tuple[int, dict[str, object]]
Handler = Callable[[str, Mapping[str, str]], Answer]


def serve(port: int, handler: Handler) -> None:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, body = handler(self.path, dict(self.headers))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    Server(("", port), Requests).serve_forever()


def clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# --- desk: plain lines


def desk() -> None:
    loans = os.environ["LOANS_URL"].rstrip("/")
    hours = os.environ["OPENING_HOURS"]

    def say(level: str, text: str) -> None:
        print(f"{clock()} {level:5} desk: {text}", flush=True)

    def borrow(card: str) -> Answer:
        try:
            with urllib.request.urlopen(f"{loans}/cards/{card}", timeout=2) as answer:
                return 200, {"card": card, "open": hours, **json.load(answer)}
        except urllib.error.HTTPError as error:
            error.close()
            say("ERROR", f"card {card} turned away: GET {loans} gave {error.code} {error.reason}")
        except urllib.error.URLError as error:
            say("ERROR", f"card {card} turned away: cannot reach {loans}: {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            say("ERROR", f"card {card} turned away: no answer from {loans}: {error}")
        return 503, {"error": "the books are not available"}

    def handle(path: str, headers: Mapping[str, str]) -> Answer:
        if path == "/ready":
            return 200, {"open": hours}
        if path.startswith("/cards/"):
            return borrow(path.rsplit("/", 1)[1])
        return 404, {"error": f"no page {path}"}

    def visitors() -> None:
        for visit in itertools.count():
            time.sleep(random.uniform(0.6, 1.0))
            card = str(random.randint(100, 999))
            status, _ = borrow(card)
            if status == 200 and visit % 10 == 0:
                say("INFO", f"card {card} served, {visit + 1} visits since opening")

    say("INFO", f"open {hours}, the books are kept at {loans}")
    threading.Thread(target=visitors, daemon=True).start()
    serve(8080, handle)


# --- loans: logfmt


def loans() -> None:
    host, port = os.environ["SHELF_HOST"], int(os.environ["SHELF_PORT"])
    days = int(os.environ["LOAN_DAYS"])
    login = f"{os.environ['SHELF_USER']}:{os.environ['SHELF_PASSWORD']}"
    authorization = "Basic " + base64.b64encode(login.encode()).decode()

    def say(level: str, text: str, **fields: object) -> None:
        more = "".join(f" {key}={json.dumps(str(value))}" for key, value in fields.items())
        print(f"ts={clock()} level={level} msg={json.dumps(text)}{more}", flush=True)

    # The last years' loans are kept in memory, so that a renewal needs no look-up.
    history = b"\x5a" * (int(os.environ["HISTORY_MB"]) << 20)
    say("info", "history loaded", bytes=len(history), shelf=f"{host}:{port}")

    def handle(path: str, headers: Mapping[str, str]) -> Answer:
        tool = random.choice(TOOLS)
        target = f"{host}:{port}"
        connection = http.client.HTTPConnection(host, port, timeout=1.5)
        try:
            place = "/place?" + urllib.parse.urlencode({"tool": tool})
            connection.request("GET", place, headers={"Authorization": authorization})
            answer = connection.getresponse()
            body = json.load(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            say("error", "shelf lookup failed", shelf=target, tool=tool, err=error)
            return 502, {"error": "shelf lookup failed"}
        finally:
            connection.close()
        if answer.status != 200:
            say("error", "shelf refused", shelf=target, status=answer.status, body=body)
            return 502, {"error": "shelf refused"}
        return 200, {"tool": tool, "place": body["place"], "due_in_days": days}

    serve(8081, handle)


# --- shelf: JSON lines


def shelf() -> None:
    login = f"library:{os.environ['SHELF_PASSWORD']}"
    expected = "Basic " + base64.b64encode(login.encode()).decode()

    def say(level: str, event: str, **fields: object) -> None:
        print(json.dumps({"time": clock(), "lvl": level, "event": event, **fields}), flush=True)

    file = Path("/var/lib/shelf/places.json")
    file.write_text(json.dumps({tool: f"aisle {at}" for at, tool in enumerate(TOOLS, 1)}))

    def handle(path: str, headers: Mapping[str, str]) -> Answer:
        if path == "/ping":
            return 200, {}
        if headers.get("Authorization") != expected:
            say("warn", "login refused", user="library", reason="password does not match")
            return 401, {"error": "password authentication failed for user library"}
        places = json.loads(file.read_text())
        tool = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query).get("tool", [""])[0]
        return 200, {"place": places.get(tool, "unknown")}

    say("info", "listening", port=7070, tools=len(TOOLS))
    serve(7070, handle)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    {"desk": desk, "loans": loans, "shelf": shelf}[sys.argv[1]]()
