"""`GET /v1/models`: exactly what a key may ask for, aliases included, in the caller's wire format.

Sources: OpenAI API reference, "List models"; Anthropic API documentation, "List Models".
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError
from gateway.dataplane.runtime import Runtime
from gateway.dataplane.views import Target


def models(call: Call, runtime: Runtime, name: str) -> bytes:
    """The list, or the model called `name`. Raises 404."""
    key = call.key
    assert key is not None
    names = runtime.snapshot.catalog.names_for(key.organization)
    found = {public: target for public, target in names.items() if key.may_use(public)}
    describe = _anthropic if call.endpoint.is_anthropic else _openai
    if name and name not in found:
        message = f"The model '{name}' does not exist or you do not have access to it."
        raise ApiError(404, "model_not_found", message, param="model")
    if name:
        return orjson.dumps(describe(name, found[name]))
    data = [describe(public, found[public]) for public in sorted(found)]
    if not call.endpoint.is_anthropic:
        return orjson.dumps({"object": "list", "data": data})
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return orjson.dumps({"data": data, "has_more": False, **ends})


def _openai(public: str, target: Target) -> dict[str, Any]:
    return {"id": public, "object": "model", "created": target.created, "owned_by": target.provider.slug}


def _anthropic(public: str, target: Target) -> dict[str, Any]:
    created = datetime.fromtimestamp(target.created, UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "model", "id": public, "display_name": public, "created_at": created, "lifecycle": "active",
        "max_tokens": target.max_output_tokens,
    }  # fmt: skip
