"""What vendors' adapters share: pass the call on when the target speaks the client's dialect, translate it when not.

A vendor's adapter names the dialects its targets speak and the one to translate to, and writes the HTTP request.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import orjson

from gateway.dataplane import jsonsplice
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.adapters.passed import Passed, as_it_is
from gateway.dataplane.adapters.translated import Translated, plain_error
from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError
from gateway.dataplane.formats.base import Losses, Malformed, Unsupported
from gateway.dataplane.formats.budgets import lowered_budget
from gateway.dataplane.formats.ir import Json, Prompt
from gateway.dataplane.formats.registry import FORMATS, TARGET_FORMATS
from gateway.dataplane.formats.unwritable import unwritable_at
from gateway.dataplane.views import Target

AGENT = "llm-gateway/1.0"


class WireAdapter:
    """Subclasses give `vendor`, `natives`, `wire` and `http`; `finish` and `native_changes` adapt the body."""

    vendor: ClassVar[str]
    read_error = staticmethod(plain_error)
    judge = staticmethod(as_it_is)

    def natives(self, target: Target) -> Collection[str]:
        """The dialects this target takes as they are."""
        raise NotImplementedError

    def wire(self, target: Target) -> str:
        """The dialect that calls in any other are translated to."""
        raise NotImplementedError

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        """The whole HTTP/1.1 request."""
        raise NotImplementedError

    def extensions(self, target: Target) -> Collection[str]:
        """Fields beyond the format that this target takes."""
        return ()

    def default_limit(self, target: Target) -> int | None:
        """Output tokens where the caller set no limit and the target needs one."""
        return None

    def finish(self, fields: Json, call: Call, target: Target) -> Json:
        """A translated body's last touches."""
        return fields

    def native_changes(self, call: Call, target: Target) -> dict[str, object]:
        """What is set in the caller's own body besides the model."""
        return {}

    # ---- the call --------------------------------------------------------------------------------------------------
    def prepare(self, call: Call, target: Target) -> Outbound:
        dialect = call.endpoint.dialect
        if dialect in self.natives(target):
            return Passed(call, partial(self._pass_on, call, target))
        if dialect not in FORMATS:
            message = f"{call.endpoint.path} is not offered by providers of kind '{target.provider.kind}'."
            if call.endpoint.is_media:
                raise ApiError(400, "endpoint_not_supported", message, param="model")
            raise ApiError(400, "not_supported", message, param="model")
        return self._translate(call, target, dialect)

    def _pass_on(self, call: Call, target: Target, attempt_id: str) -> bytes:
        return self.http(call, target, attempt_id, call.endpoint.dialect, self.native_body(call, target))

    def native_body(self, call: Call, target: Target) -> bytes:
        """The caller's own bytes, but for what has to be set in them."""
        changes = self.native_changes(call, target)
        if target.upstream_name != call.model:
            changes["model"] = target.upstream_name
        return jsonsplice.splice(call.body, changes, call.fields) if changes else call.body

    def _bounded(self, prompt: Prompt, call: Call, target: Target) -> Prompt:
        """The prompt for one target, its answer within the call's cap; what it thinks is a part of the answer."""
        sent = replace(prompt, model=target.upstream_name, stream=call.is_stream)
        limit = prompt.max_tokens if prompt.max_tokens is not None else self.default_limit(target)
        cap = call.output_cap
        sent.max_tokens = limit if cap is None else cap if limit is None else min(cap, limit)
        if (
            sent.reasoning is not None
            and sent.reasoning.budget is not None
            and cap is not None
            and sent.max_tokens != limit
        ):
            sent.reasoning = replace(sent.reasoning, budget=lowered_budget(sent.reasoning.budget, cap))
        return sent

    def _translate(self, call: Call, target: Target, dialect: str) -> Outbound:
        wire = self.wire(target)
        losses = Losses(TARGET_FORMATS[wire].NAME, may_drop=target.drop_unsupported, extensions=self.extensions(target))
        try:
            prompt = read_prompt(call)
            sent = self._bounded(prompt, call, target)
            fields = self.finish(TARGET_FORMATS[wire].write_request(sent, losses), call, target)
            body = orjson.dumps(fields)
        except Malformed as error:
            raise malformed(error) from error
        except TypeError as error:
            raise unwritable(call, error) from error
        except Unsupported as error:
            message = f"{error.field}: {error} (model '{target.name}'). A route with drop_unsupported leaves it out."
            raise ApiError(400, "unsupported_parameter", message, param=error.field) from error

        def build(attempt_id: str) -> bytes:
            return self.http(call, target, attempt_id, wire, body)

        return Translated(
            call, prompt, client=FORMATS[dialect], wire=TARGET_FORMATS[wire], build=build, dropped=losses.dropped,
            read_error=self.read_error, judge=self.judge,
        )  # fmt: skip


def malformed(error: Malformed) -> ApiError:
    return ApiError(400, "invalid_request", f"'{error.field}' {error}", param=error.field)


def unwritable(call: Call, error: TypeError) -> Exception:
    """The refusal of a call that cannot be written anew, as half a character cannot; the error itself when the call is
    not to blame for it."""
    at = unwritable_at(call.fields, dotted=call.endpoint.is_anthropic)
    return malformed(Malformed(at, "holds half a character or a number beyond 64 bits")) if at else error


def read_prompt(call: Call) -> Prompt:
    """The call in neutral form, read once however many targets are tried. Raises `Malformed`."""
    if call.prompt is None:
        call.prompt = FORMATS[call.endpoint.dialect].read_request(call.fields)
    return call.prompt


def post(target: Target, path: str, headers: dict[str, Any], body: bytes) -> bytes:
    """An HTTP/1.1 POST to the target's provider."""
    provider = target.provider
    lines = [f"POST {provider.path_prefix}{path} HTTP/1.1", f"host: {provider.origin.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", f"user-agent: {AGENT}", "accept-encoding: identity", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
