"""Who may call what on the data plane: every path × method × key, with the status and the error it must answer.

Keys: none nobody · junk a key that never was · gone a revoked one · late an expired one · mgmt one of the management
API · ingest one that may send traces alone · other one of another organization, which asks for things of ours · proj
one of another project of our organization · own the project's key. The last three may call models.

Paths come from the endpoints, the mounts, what `app` spells out, and the views that mounts forward to. A path without a
row fails; a method without a row gives nobody anything.
"""

import ast
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from finetuning.front.urls import urlpatterns
from gateway import credentials
from gateway.dataplane import app
from gateway.dataplane.batches.front import Batches, Files, Front
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.forms import Form, Part
from gateway.ledger.ids import uuid7
from tests.finetuning.dataplane.conftest import with_console  # noqa: F401  (a fixture)
from tests.finetuning.dataplane.test_files import training
from tests.gateway.dataplane.conftest import World, stack, world  # noqa: F401  (fixtures: a stack with a console)
from tests.gateway.dataplane.stack import Answer
from tests.gateway.dataplane.test_batches import requests_of
from tests.gateway.dataplane.test_media import PNG, WAV
from tests.gateway.dataplane.test_otlp import otlp_json

KEYS = ("none", "junk", "gone", "late", "mgmt", "ingest", "other", "proj", "own")
TABLE = """
method path                                wire      none junk gone late mgmt ingest other proj own
POST   /v1/chat/completions                openai    401  401  401  401  403  403    404   200  200
POST   /v1/completions                     openai    401  401  401  401  403  403    404   200  200
POST   /v1/embeddings                      openai    401  401  401  401  403  403    404   200  200
POST   /v1/responses                       openai    401  401  401  401  403  403    404   200  200
POST   /v1/messages                        anthropic 401  401  401  401  403  403    404   200  200
POST   /v1/messages/count_tokens           anthropic 401  401  401  401  403  403    404   200  200
POST   /v1/moderations                     openai    401  401  401  401  403  403    404   200  200
POST   /v1/images/generations              openai    401  401  401  401  403  403    404   200  200
POST   /v1/images/edits                    openai    401  401  401  401  403  403    404   200  200
POST   /v1/images/variations               openai    401  401  401  401  403  403    404   200  200
POST   /v1/audio/speech                    openai    401  401  401  401  403  403    404   200  200
POST   /v1/audio/transcriptions            openai    401  401  401  401  403  403    404   200  200
POST   /v1/audio/translations              openai    401  401  401  401  403  403    404   200  200

GET    /v1/models                          openai    401  401  401  401  403  403    200   200  200
GET    /v1/models/{model}                  openai    401  401  401  401  403  403    404   200  200

POST   /v1/feedback                        openai    401  401  401  401  403  404    404   404  200
POST   /otlp/v1/traces                     otlp      401  401  401  401  403  200    403   403  403

GET    /v1/files                           openai    401  401  401  401  403  403    200   200  200
POST   /v1/files                           openai    401  401  401  401  403  403    404   200  200
GET    /v1/files/{batch_file}              openai    401  401  401  401  403  403    404   404  200
GET    /v1/files/{batch_file}/content      openai    401  401  401  401  403  403    404   404  200
DELETE /v1/files/{batch_file}              openai    401  401  401  401  403  403    404   404  200
GET    /v1/files/{file}                    openai    401  401  401  401  403  403    404   404  200
GET    /v1/files/{file}/content            openai    401  401  401  401  403  403    404   404  200
DELETE /v1/files/{file}                    openai    401  401  401  401  403  403    404   404  200
GET    /v1/batches                         openai    401  401  401  401  403  403    200   200  200
POST   /v1/batches                         openai    401  401  401  401  403  403    404   404  200
GET    /v1/batches/{batch}                 openai    401  401  401  401  403  403    404   404  200
POST   /v1/batches/{batch}/cancel          openai    401  401  401  401  403  403    404   404  200

POST   /v1/uploads                         openai    401  401  401  401  403  403    200   200  200
GET    /v1/uploads/{upload}                openai    401  401  401  401  403  403    404   404  200
POST   /v1/uploads/{upload}/parts          openai    401  401  401  401  403  403    404   404  200
POST   /v1/uploads/{full_upload}/complete  openai    401  401  401  401  403  403    404   404  200
POST   /v1/uploads/{upload}/cancel         openai    401  401  401  401  403  403    404   404  200

GET    /v1/fine_tuning/jobs                openai    401  401  401  401  403  403    200   200  200
POST   /v1/fine_tuning/jobs                openai    401  401  401  401  403  403    404   400  200
GET    /v1/fine_tuning/jobs/{job}          openai    401  401  401  401  403  403    404   404  200
POST   /v1/fine_tuning/jobs/{job}/cancel   openai    401  401  401  401  403  403    404   404  200
POST   /v1/fine_tuning/jobs/{job}/pause    openai    401  401  401  401  403  403    404   404  409
POST   /v1/fine_tuning/jobs/{job}/resume   openai    401  401  401  401  403  403    404   404  409
GET    /v1/fine_tuning/jobs/{job}/events   openai    401  401  401  401  403  403    404   404  200
GET    /v1/fine_tuning/jobs/{job}/checkpoints openai 401  401  401  401  403  403    404   404  200

GET    /healthz                            plain     200  200  200  200  200  200    200   200  200
GET    /readyz                             plain     200  200  200  200  200  200    200   200  200
GET    /metrics                            plain     200  200  200  200  200  200    200   200  200
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
KINDS = {401: "authentication_error", 403: "permission_error", 404: "invalid_request_error",
         400: "invalid_request_error", 409: "invalid_request_error"}  # fmt: skip
CODES = {401: {"invalid_api_key"}, 403: {"scope_missing"}, 404: {"model_not_found", "not_found", "request_not_found"},
         400: {"invalid_file"}, 409: {"job_state"}}  # fmt: skip
ANTHROPIC_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
RPC_CODES = {401: 16, 403: 7}


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    wire: str
    statuses: dict[str, int]

    @property
    def shape(self) -> str:
        """The path as the router knows it: whatever is named stands for any name."""
        return "/".join("{}" if part.startswith("{") else part for part in self.path.split("/"))


def rows() -> list[Row]:
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        if line:
            method, path, wire, *statuses = line.split()
            found.append(Row(method, path, wire, dict(zip(KEYS, map(int, statuses), strict=True))))
    return found


ROWS = rows()


# ---- what there is ---------------------------------------------------------------------------------------------------
def spelled_out() -> set[str]:
    """Paths that the application's code compares with, and those below the one that it takes as a prefix."""
    tree = ast.parse(Path(app.__file__).read_text())
    function = next(node for node in ast.walk(tree) if getattr(node, "name", "") == "_http")
    other = next(node for node in ast.walk(tree) if getattr(node, "name", "") == "_other")
    texts = {
        node.value
        for of in (function, other)
        for node in ast.walk(of)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/")
    }
    texts -= {"/", "/v1", "/v1/messages"}  # stripped off, and two that only shape an error
    return {f"{text}{{}}" if text.endswith("/") else text for text in texts}


def of_fronts() -> set[tuple[str, str]]:
    """Methods that the data plane's own handlers of objects have."""
    found = set()
    shapes = {"all": "", "one": "/{}", "content": "/{}/content", "cancel": "/{}/cancel"}
    fronts: tuple[type[Front], ...] = (Files, Batches)
    for front in fronts:
        for name in dir(front):
            method, _, what = name.removeprefix("_").partition("_")
            if name.startswith("_") and method in ("get", "post", "delete") and what:
                found.add((method.upper(), front.root + shapes[what]))
    return found


def of_console() -> set[tuple[str, str]]:
    """Methods of the views that mounts forward to."""
    found = set()
    for pattern in urlpatterns:
        view: Any = pattern.callback.view_class  # type: ignore[union-attr]
        path = "/v1/" + "/".join("{}" if part.startswith("<") else part for part in str(pattern.pattern).split("/"))
        found |= {
            (method.upper(), path) for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)
        }
    return found


def routed() -> set[tuple[str, str]]:
    found = {("POST", path) for path in ENDPOINTS} | {("GET", path) for path in spelled_out()}
    forwarded = of_fronts() | of_console()
    found |= forwarded
    for path in settings.GATEWAY_MOUNTS:
        below = f"{path.rstrip('/')}/"
        if not any(known == path or known.startswith(below) for _, known in forwarded):
            found.add(("GET" if path == "/metrics" else "POST", path))
    return found


def test_every_path_of_the_router_has_a_row() -> None:
    listed = {(row.method, row.shape) for row in ROWS}

    assert routed() - listed == set(), "without a row"
    assert listed - routed() == set(), "not there"


def test_whoever_adds_a_mount_sees_it_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.GATEWAY_MOUNTS, "/v1/secrets", "gateway.dataplane.feedback.Feedback")

    assert ("POST", "/v1/secrets") in routed() - {(row.method, row.shape) for row in ROWS}


# ---- the rows --------------------------------------------------------------------------------------------------------
Body = tuple[bytes, str]
NUMBERS = itertools.count()


@dataclass
class Cast:
    """The keys, and what the organization has. A thing is made anew for each row, in the project of `own`."""

    world: World
    secrets: dict[str, str]
    request_id: str
    part: str = ""

    def ask(self, method: str, path: str, key: str = "own", body: Body = (b"", "")) -> Answer:
        headers = {"Content_Type": body[1]} if body[1] else {}
        return self.world.stack.request(method, path, body[0] or None, self.secrets[key], **headers)

    def made(self, path: str, body: Body) -> Any:
        answer = self.ask("POST", path, body=body)
        assert answer.status == 200, answer.body
        return answer.json()

    def thing(self, name: str) -> str:
        match name:
            case "model":
                return "ours-chat"
            case "batch_file":
                return str(self.made("/v1/files", batch_file())["id"])
            case "file":
                return str(self.made("/v1/files", training_file())["id"])
            case "batch":
                return str(self.made("/v1/batches", as_json(batch_of(self.thing("batch_file"))))["id"])
            case "upload":
                return str(self.made("/v1/uploads", as_json(upload_of(len(PIECE))))["id"])
            case "full_upload":
                upload = self.thing("upload")
                self.part = self.made(f"/v1/uploads/{upload}/parts", form(data=PIECE))["id"]
                return upload
            case "job":
                return str(self.made("/v1/fine_tuning/jobs", as_json(job_of(self.thing("file"))))["id"])
        raise AssertionError(f"no such thing: {name}")

    def body(self, row: Row) -> Body:
        """What the project's key may send there."""
        makers: dict[str, Callable[[], Body]] = {
            "/v1/feedback": lambda: as_json(
                {"request_id": self.request_id, "name": "helpful", "source": "user", "score": 1}
            ),
            "/otlp/v1/traces": lambda: (otlp_json(), "application/json"),
            "/v1/files": batch_file,
            "/v1/batches": lambda: as_json(batch_of(self.thing("batch_file"))),
            "/v1/uploads": lambda: as_json(upload_of(len(PIECE))),
            "/v1/uploads/{upload}/parts": lambda: form(data=PIECE),
            "/v1/uploads/{full_upload}/complete": lambda: as_json({"part_ids": [self.part]}),
            "/v1/fine_tuning/jobs": lambda: as_json(job_of(self.thing("file"))),
        }
        if row.path in CALLS:
            return CALLS[row.path]
        if row.method != "POST":
            return b"", ""
        return makers.get(row.path, lambda: as_json({}))()


PIECE = training(12)


def as_json(said: Any) -> Body:
    return json.dumps(said).encode(), "application/json"


def form(data: bytes = b"", **fields: str) -> Body:
    parts = [Part(name, value.encode()) for name, value in fields.items()]
    kind, body = Form((*parts, *([Part("data", data, "piece")] if data else []))).encode({})
    return body, kind


def file_form(name: str, data: bytes, file_name: str, **fields: str) -> Body:
    parts = [Part(field, value.encode()) for field, value in fields.items()]
    kind, body = Form((*parts, Part(name, data, file_name))).encode({})
    return body, kind


def batch_file() -> Body:
    return file_form("file", requests_of("ours-chat"), "requests.jsonl", purpose="batch")


def training_file() -> Body:
    data = training(12, f"Question {next(NUMBERS)}")
    return file_form("file", data, "train.jsonl", purpose="fine-tune")


def batch_of(file: str) -> dict[str, Any]:
    return {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}


def upload_of(size: int) -> dict[str, Any]:
    return {"filename": "long.jsonl", "purpose": "fine-tune", "bytes": size, "mime_type": "text/jsonl"}


def job_of(file: str) -> dict[str, Any]:
    return {"model": "ours-chat", "training_file": file}


SAID = [{"role": "user", "content": "hello"}]
CALLS: dict[str, Body] = {
    "/v1/chat/completions": as_json({"model": "ours-chat", "messages": SAID, "max_tokens": 2}),
    "/v1/completions": as_json({"model": "ours-chat", "prompt": "hello", "max_tokens": 2}),
    "/v1/embeddings": as_json({"model": "ours-embedding", "input": "hello"}),
    "/v1/responses": as_json({"model": "ours-chat", "input": "hello", "max_output_tokens": 16}),
    "/v1/messages": as_json({"model": "ours-chat", "messages": SAID, "max_tokens": 2}),
    "/v1/messages/count_tokens": as_json({"model": "ours-chat", "messages": SAID}),
    "/v1/moderations": as_json({"model": "ours-moderation", "input": "hello"}),
    "/v1/images/generations": as_json({"model": "ours-image", "prompt": "a fox", "quality": "low"}),
    "/v1/images/edits": file_form("image", PNG, "a.png", model="ours-image", prompt="a fox", quality="low"),
    "/v1/images/variations": file_form("image", PNG, "a.png", model="ours-dall-e"),
    "/v1/audio/speech": as_json({"model": "ours-speech", "input": "hello", "voice": "alloy"}),
    "/v1/audio/transcriptions": file_form("file", WAV, "a.wav", model="ours-whisper"),
    "/v1/audio/translations": file_form("file", WAV, "a.wav", model="ours-whisper"),
}
MODELS = {
    "ours-chat": "gpt-4o-mini", "ours-embedding": "text-embedding-3-small",
    "ours-moderation": "omni-moderation-latest", "ours-image": "gpt-image-1", "ours-dall-e": "dall-e-2",
    "ours-speech": "tts-1", "ours-whisper": "whisper-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def cast(with_console: World) -> Cast:  # noqa: F811
    stack, company, project = with_console.stack, with_console.organization, with_console.project  # noqa: F811
    provider = stack.provider("ours", organization_id=company)
    for name, upstream in MODELS.items():
        stack.model(provider, name, upstream, organization=company)

    def key(*scopes: str, of: str = company, within: str = project, **changes: Any) -> str:
        secret = credentials.new_secret()
        version, digest = credentials.digest(secret)
        values = {
            "organization_id": of, "project_id": within, "name": "cast", "prefix": credentials.prefix_of(secret),
            "digest": digest, "pepper_version": version, "scopes": list(scopes or ("inference",)), "allowed_models": [],
        }  # fmt: skip
        stack.insert("gateway_virtualkey", **values | changes)
        return secret

    stranger = stack.organization(f"stranger-{uuid7().hex[-6:]}")
    now = datetime.now(UTC)
    secrets = {
        "none": "", "junk": credentials.new_secret(), "gone": key(revoked_at=now - timedelta(seconds=1)),
        "late": key(expires_at=now - timedelta(seconds=1)), "mgmt": key("manage:read", "manage:write"),
        "ingest": key("ingest", within=stack.project(company, "traces")),
        "other": key(of=stranger, within=stack.project(stranger)), "proj": key(within=stack.project(company, "next")),
        "own": key(),
    }  # fmt: skip
    stack.wait_until_current()
    answer = stack.chat(secrets["own"], "ours-chat")
    stack.book()
    return Cast(with_console, secrets, answer.headers["x-request-id"])


def faults_of(answer: Answer, status: int, wire: str) -> list[str]:
    """What is not as the wire format has it."""
    if answer.status != status:
        return [f"{answer.status} and not {status}: {answer.body[:200]!r}"]
    if status == 200 or wire == "plain":
        return []
    said = answer.json()
    match wire:
        case "openai":
            error = said["error"]
            is_right = (
                set(said) == {"error"}
                and set(error) == {"message", "type", "param", "code"}
                and error["type"] == KINDS[status]
                and error["code"] in CODES[status]
            )
        case "anthropic":
            error = said["error"]
            is_right = (
                said["type"] == "error"
                and error["type"] == ANTHROPIC_KINDS[status]
                and error["code"] in CODES[status]
                and answer.headers["request-id"] == answer.headers["x-request-id"]
            )
        case _:
            is_right = set(said) == {"code", "message"} and said["code"] == RPC_CODES[status]
    is_told = status != 401 or answer.headers.get("www-authenticate") == "Bearer"
    has_id = bool(answer.headers.get("x-request-id"))
    return [] if is_right and is_told and has_id else [f"{status}: {answer.headers} {said}"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_who_may(cast: Cast, row: Row) -> None:
    path = row.path
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", cast.thing(name))
    body = cast.body(row)

    faults = []
    for key, status in row.statuses.items():  # the project's own key comes last, and still finds everything
        answer = cast.ask(row.method, path, key, body)
        faults += [f"{key}: {fault}" for fault in faults_of(answer, status, row.wire)]
        if key == "other" and answer.status == 200 and row.wire != "plain" and b"ours-" in answer.body:
            faults.append(f"other: {answer.body!r}")

    assert faults == []


def test_lists_hold_the_projects_own_things_alone(cast: Cast) -> None:
    for path, name in (
        ("/v1/files", "file"), ("/v1/files", "batch_file"), ("/v1/batches", "batch"), ("/v1/fine_tuning/jobs", "job"),
    ):  # fmt: skip
        thing = cast.thing(name)

        seen = {
            key: thing in {row["id"] for row in cast.ask("GET", path, key).json()["data"]}
            for key in ("other", "proj", "own")
        }

        assert seen == {"other": False, "proj": False, "own": True}, path


@pytest.mark.parametrize("key", KEYS)
def test_methods_without_a_row_give_nothing(cast: Cast, key: str) -> None:
    known = {(row.method, row.path) for row in ROWS}
    found = {}
    for path in sorted({row.path for row in ROWS if row.wire != "plain"}):
        shown = path.replace("{", "").replace("}", "")
        for method in METHODS:
            if (method, path) not in known and not (path.startswith("/v1/files/") and method in ("GET", "DELETE")):
                found[method, path] = cast.ask(method, shown, key).status

    assert len(found) > 100
    assert {key: status for key, status in found.items() if status not in (401, 403, 404, 405)} == {}
