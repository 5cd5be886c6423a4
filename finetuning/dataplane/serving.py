"""Tuned models that the gateway serves itself: which there are, and their artifacts in memory."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from cryptography.fernet import InvalidToken
from django.conf import settings

from finetuning.choices import Backend
from gateway import credentials
from gateway.dataplane.call import Call
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from finetuning.dicl import Bank
    from finetuning.localhead import Head
    from gateway.dataplane.runtime import Runtime

    Artifact = Head | Bank

logger = logging.getLogger(__name__)
MEMORY_BYTES = 256 * 1024 * 1024
"""Artifacts that a process keeps; the one that was used least recently goes first."""
OPTIONS = "-c statement_timeout=20s"
SHOTS = 8
SERVED_SQL = """
SELECT m.organization_id::text, m.name, m.provider_id::text, t.id::text, t.backend, t.artifact_sha256, t.serving
FROM finetuning_tunedmodel t JOIN gateway_model m ON m.id = t.catalog_model_id
WHERE t.archived_at IS NULL AND t.artifact_sha256 <> '' AND m.organization_id = t.organization_id
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A tuned model as the hot path knows it. `threshold` None: every answer of a local head counts; `fallback` names
    the model or route that is asked instead, empty: none; `shots`: examples that dicl shows at most."""

    id: str
    backend: str
    sha256: str
    threshold: float | None = None
    fallback: str = ""
    shots: int = SHOTS


Index = Mapping[tuple[str, str, str], Served]


class TunedModelLoader:
    """`(organization, model's name, provider's id) → Served` for `snapshot.extras["tuned_models"]`."""

    name = "tuned_models"
    entities = frozenset({"tuned_model", "model"})

    def load(self, connection: psycopg.Connection[Any]) -> Index:
        rows = connection.execute(SERVED_SQL).fetchall()
        return {(row[0], row[1], row[2]): _served(*row[3:]) for row in rows}


def _served(identity: str, backend: str, sha256: str, serving: Mapping[str, Any]) -> Served:
    threshold, shots = serving.get("threshold"), serving.get("shots")
    return Served(
        identity, backend, sha256, float(threshold) if isinstance(threshold, int | float) else None,
        str(serving.get("fallback") or ""), shots if isinstance(shots, int) and shots >= 0 else SHOTS,
    )  # fmt: skip


def served_by(call: Call, target: Target, runtime: "Runtime") -> Served | None:
    """The tuned model behind a target, of the caller's own organization; None for every other model."""
    index: Index = runtime.snapshot.extras.get("tuned_models", {})
    if not index or call.key is None:
        return None
    return index.get((call.key.organization, target.name, target.provider.id))


class TunedModels:
    """A `Service`: artifacts by their hash, so a model that is trained anew is loaded anew."""

    name = "tuned_models"

    def __init__(self, runtime: "Runtime") -> None:
        self.runtime = runtime
        self.loaded = 0
        self._kept: OrderedDict[str, tuple[Artifact, int]] = OrderedDict()
        self._loading: dict[str, asyncio.Future[Artifact]] = {}
        for adapter in runtime.adapters.values():
            if hasattr(adapter, "tuned_models"):
                adapter.tuned_models = self

    async def start(self) -> None:
        """Artifacts come with the first call that needs them."""

    async def close(self) -> None:
        for loading in self._loading.values():
            loading.cancel()

    def held(self, served: Served) -> "Artifact | None":
        """What is in memory."""
        found = self._kept.get(served.sha256)
        if found is None:
            return None
        self._kept.move_to_end(served.sha256)
        return found[0]

    async def load(self, served: Served) -> "Artifact":
        """From memory, else from the database in a thread, once for all that wait. Raises `UpstreamError`
        (`artifact_unavailable`)."""
        if (found := self.held(served)) is not None:
            return found
        loading = self._loading.get(served.sha256)
        if loading is None:
            loading = asyncio.ensure_future(asyncio.to_thread(_fetch, served))
            self._loading[served.sha256] = loading
            loading.add_done_callback(lambda done: self._arrived(served, done))
        try:
            return await asyncio.shield(loading)
        except (psycopg.Error, ValueError, InvalidToken) as error:
            raise UpstreamError("artifact_unavailable", "the tuned model could not be loaded", sent=False) from error

    def _arrived(self, served: Served, done: "asyncio.Future[Artifact]") -> None:
        self._loading.pop(served.sha256, None)
        if done.cancelled():
            return
        if error := done.exception():
            logger.error("tuned model %s cannot be loaded: %s", served.id, str(error).strip().split("\n")[0])
            return
        self.loaded += 1
        self._kept[served.sha256] = (done.result(), done.result().size)
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > MEMORY_BYTES:
            self._kept.popitem(last=False)

    def report(self) -> dict[str, Any]:
        """For the heartbeat."""
        return {}

    def metrics(self) -> list[str]:
        size = sum(size for _, size in self._kept.values())
        return [
            "# HELP gateway_tuned_models_bytes Artifacts of tuned models in memory",
            "# TYPE gateway_tuned_models_bytes gauge",
            f"gateway_tuned_models_bytes {size}",
            "# TYPE gateway_tuned_models_loaded_total counter",
            f"gateway_tuned_models_loaded_total {self.loaded}",
        ]


def _fetch(served: Served) -> "Artifact":
    """Blocking. Raises `psycopg.Error`, ValueError for bytes that are gone or not what was stored, `InvalidToken`."""
    with psycopg.connect(settings.DATABASE_DIRECT_URL, connect_timeout=3, options=OPTIONS) as connection:
        row = connection.execute("SELECT artifact FROM finetuning_tunedmodel WHERE id = %s", [served.id]).fetchone()
    if row is None or row[0] is None:
        raise ValueError("its artifact is gone")
    data = bytes(row[0])
    if hashlib.sha256(data).hexdigest() != served.sha256:
        raise ValueError("its artifact has another hash than its row says")
    from finetuning.dicl import Bank  # numpy costs 25 MB: only a process that serves such models has it
    from finetuning.localhead import Head

    if served.backend == Backend.DICL:
        return Bank.from_bytes(credentials.decrypt_bytes(data))
    return Head.from_bytes(data)
