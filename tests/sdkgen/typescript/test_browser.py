"""The generated package in a worker of real Chromium: from files as they are, without a bundler."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import chromium

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser
PAGE = "<!doctype html><title>SDK</title>"
WORKER = """
import { Gateway, ModelNotFoundError, file } from '/lib/index.js';

onmessage = async ({ data: { here, there } }) => {
  const ask = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
  const found = {};
  for (const [name, baseUrl] of Object.entries({ here, there })) {
    const client = new Gateway({ baseUrl, apiKey: async () => 'short-lived', maxRetries: 0, logLevel: 'off' });
    const stream = await client.chat.completions.stream(ask);
    found[name] = (await stream.final()).choices[0].message.content;
  }
  const client = new Gateway({ baseUrl: here, apiKey: 'k', maxRetries: 0 });
  const seen = [];
  const onUploadProgress = (progress) => seen.push(progress);
  await client.files.create({ purpose: 'batch', file: file('a.txt', 'content') }, { onUploadProgress });
  found.progress = seen.length > 0 && seen[0].sent === 0 && seen[0].total > 100;
  const missing = await client.models.get('missing').catch((error) => error);
  found.error = missing instanceof ModelNotFoundError && missing.status;
  const controller = new AbortController();
  const stream = await client.chat.completions.stream({ ...ask, model: 'endless' }, { signal: controller.signal });
  found.aborted = await (async () => {
    for await (const _ of stream) controller.abort();
  })().catch((error) => error.name);
  postMessage(found);
};
"""
CHUNKS = [
    "data: " + json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n"
    for text in ("Hél", "lo 😀")
]


class Handler(BaseHTTPRequestHandler):
    """The package's files, and an API that answers as the gateway does."""

    folder: Path
    asked: list[tuple[str, dict[str, str], bytes]]
    server_version, protocol_version = "", "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        if self.path.startswith("/v1/"):
            error = {"message": "no", "type": "invalid_request_error", "param": None, "code": "model_not_found"}
            return self._say(404, "application/json", json.dumps({"error": error}).encode())
        if self.path in ("/", "/worker.js"):
            kind = "text/html" if self.path == "/" else "text/javascript"
            return self._say(200, kind, (PAGE if self.path == "/" else WORKER).encode())
        file = self.folder / self.path.lstrip("/")
        return self._say(200, "text/javascript", file.read_bytes()) if file.is_file() else self._say(404, "", b"")

    def do_OPTIONS(self) -> None:
        self.asked.append(("OPTIONS", {k.lower(): v for k, v in self.headers.items()}, b""))
        self._say(204, "", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.path == "/v1/files":
            return self._say(200, "application/json", b'{"id":"file-1"}')
        if b"endless" in body:
            return self._say(200, "text/event-stream", CHUNKS[0].encode(), length=1_000_000)
        return self._say(200, "text/event-stream", "".join([*CHUNKS, "data: [DONE]\n\n"]).encode())

    def _say(self, status: int, kind: str, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-headers", "authorization, content-type, idempotency-key")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def servers(typescript_folder: Path) -> Iterator[list[tuple[str, list[tuple[str, dict[str, str], bytes]]]]]:
    found, running = [], []
    for _ in range(2):
        asked: list[tuple[str, dict[str, str], bytes]] = []
        folder = typescript_folder / "node_modules/llm-gateway"
        handler = type("Served", (Handler,), {"folder": folder, "asked": asked})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        found.append((f"http://127.0.0.1:{server.server_address[1]}", asked))
    yield found
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_worker_streams_uploads_fails_and_aborts(servers):
    (here, asked), (there, asked_there) = servers
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(here)
        found = page.evaluate(
            """([here, there]) => new Promise((resolve, reject) => {
              const worker = new Worker('/worker.js', { type: 'module' });
              worker.onmessage = ({ data }) => resolve(data);
              worker.onerror = (event) => reject(new Error(event.message));
              worker.postMessage({ here, there });
            })""",
            [here, there],
        )
        browser.close()

    assert found == {"here": "Héllo 😀", "there": "Héllo 😀", "progress": True, "error": 404, "aborted": "AbortError"}
    assert asked[0][1]["x-gateway-sdk"].startswith("typescript/1.0.0; rt=browser; os=other; spec=")
    form = next(body for path, _, body in asked if path == "/v1/files")
    assert b'name="file"; filename="a.txt"\r\n' in form
    assert b"\r\n\r\ncontent\r\n" in form
    preflight, call = asked_there
    assert preflight[1]["access-control-request-headers"] == "authorization,content-type,idempotency-key"
    assert "x-gateway-sdk" not in call[1]
