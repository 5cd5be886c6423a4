"""HTTP → Django's test client: a server in the test's own thread, and so in its transaction, for programs in any
language that call the real views."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from rest_framework.test import APIClient


class Server(HTTPServer):
    """Keeps the bodies of its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Bridge)
        self.bodies: list[bytes] = []
        self.timeout = 0.1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def pass_on(self, process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
        """Serve until the program ends. Raises AssertionError when it fails."""
        while process.poll() is None:
            self.handle_request()
        assert process.returncode == 0


class _Bridge(BaseHTTPRequestHandler):
    server: Server

    def handle_any(self) -> None:
        extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        kind = self.headers.get("content-type", "application/octet-stream")
        answer = APIClient().generic(self.command, self.path, body, content_type=kind, **extra)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.server.bodies.append(content)
        self.send_response(answer.status_code)
        self.send_header("connection", "close")  # or a client sends its next request to a connection that ends
        for name, value in answer.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        if answer.status_code != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *arguments: object) -> None:
        return


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        yield server
