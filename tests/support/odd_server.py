"""A web server on loopback that answers as a test says, also as none should."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


def respond_with(body: bytes | str, status: int = 200, **headers: str) -> Answer:
    """Answer with this; a header `Content_Length` is Content-Length."""
    content = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for key, value in {"Content_Length": str(len(content)), **headers}.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def redirect_to(location: str, status: int = 302) -> Answer:
    """Answer that it is elsewhere."""
    return respond_with(b"over there", status, Location=location)


@contextmanager
def odd_server(answers: Mapping[str, Answer], requested_paths: list[str] | None = None) -> Iterator[str]:
    """Answer each path as its function does, others with 404, and note it in `requested_paths`; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if requested_paths is not None:
                requested_paths.append(self.path)
            with suppress(OSError):
                answers.get(self.path, respond_with("", 404))(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
