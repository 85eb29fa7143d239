"""A metastore: a static file server on loopback, which answers conditional requests and counts them."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Content = bytes | str | Mapping[str, Any]  # a mapping is served as JSON


class MetastoreServer:
    """Serves `files` (by name, without a leading slash) or the files of a folder, until `close()`.

    `files`, `delay`, `statuses` and `validators` may be changed while it runs. Each request is noted in
    `requests` as (name, status).
    """

    def __init__(self, files: Mapping[str, Content] | Path, delay: float = 0) -> None:
        if isinstance(files, Path):
            paths = [path for path in files.rglob("*") if path.is_file()]
            self.files: dict[str, Content] = {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
        else:
            self.files = dict(files)
        self.delay = delay  # seconds before each answer
        self.statuses: dict[str, int] = {}  # a status to give for a name instead of its file
        self.validators = True  # whether answers bear ETag and Last-Modified
        self.requests: list[tuple[str, int]] = []
        self._changed: dict[str, tuple[str, float]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"  # for ROCKONWEB_REMOTE_METASTORE
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving: from now on it refuses connections."""
        self._server.shutdown()
        self._server.server_close()

    def publish_files(self, **files: Content) -> None:
        """Serve these files as `NAME.json` and nothing else, with a root.json that names them in this order."""
        self.files = {f"{name}.json": content for name, content in files.items()}
        self.files["root.json"] = {name: f"{name}.json" for name in files}

    def count_requests(self, name: str = "", status: int = 0) -> int:
        """How many requests came, of one name or of all, answered with one status or any."""
        return sum(name in ("", n) and status in (0, s) for n, s in list(self.requests))

    def served_body(self, name: str) -> bytes | None:
        """What is served under `name`, None when nothing is."""
        content = self.files.get(name)
        if isinstance(content, str):
            return content.encode()
        return json.dumps(content).encode() if isinstance(content, Mapping) else content

    def served_version(self, name: str, body: bytes) -> tuple[str, float]:
        """The ETag of `served_body` and since when, in whole seconds, it is served under `name`."""
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self._changed.get(name, ("", 0))[0] != tag:
            # A second later than before at least, or two changes in a second would look like one.
            now = max(float(int(time.time())), self._changed.get(name, ("", 0.0))[1] + 1)
            self._changed[name] = (tag, now)
        return self._changed[name]


class _Handler(BaseHTTPRequestHandler):
    store: MetastoreServer
    protocol_version = "HTTP/1.1"  # connections are kept
    wbufsize = -1  # headers and body in one packet, or each answer waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # who asks may have had enough
            self._send_answer(with_body=True)

    def do_HEAD(self) -> None:
        self._send_answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet; `requests` has it."""

    def _send_answer(self, *, with_body: bool) -> None:
        store = self.store
        time.sleep(store.delay)
        name = unquote(urlsplit(self.path).path).lstrip("/")
        body = store.served_body(name)
        status = store.statuses.get(name, 404 if body is None else 200)
        headers = {}
        if body is not None and status == 200:
            if store.validators:
                tag, since = store.served_version(name, body)
                headers = {"ETag": tag, "Last-Modified": formatdate(since, usegmt=True)}
                status = 304 if self._client_has(tag, since) else 200
            headers["Content-Type"] = "application/json" if name.endswith(".json") else "text/plain"
        else:
            body = f"{status}\n".encode()
        store.requests.append((name, status))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body and status != 304:
            self.wfile.write(body)

    def _client_has(self, tag: str, since: float) -> bool:
        """Whether the client has this version; its ETag counts more than its date."""
        if tags := self.headers.get("If-None-Match"):
            return tag in (t.strip().removeprefix("W/") for t in tags.split(",")) or tags.strip() == "*"
        if date := self.headers.get("If-Modified-Since"):
            try:
                return since <= parsedate_to_datetime(date).timestamp()
            except ValueError:
                return False
        return False
