"""Every function of the data plane that turns bytes from outside into something else, and what tries it with noise.

Found in the source: whatever calls one of `CODECS`, or decodes bytes into text. One that is new fails here until a test
tries it, or a reason says why nothing hostile gets there."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.dataplane import test_parsers as parsers
from tests.gateway.dataplane import test_parsers_beside as beside

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("gateway/dataplane", "finetuning/dataplane", "gateway/otlp")
CODECS = {
    "loads", "unpack", "unpack_from", "iter_unpack", "b64decode", "parse_qs", "parse_qsl", "urlsplit", "urlparse",
    "parsedate_to_datetime", "ip_address", "fromisoformat", "fromhex", "decompress", "EventStreamBuffer",
    "ParseFromString", "FromString",
}  # fmt: skip
"""Names of functions that read a format."""
_WRITERS = {"dumps", "encode", "b64encode"}

TRIED: dict[str, Callable[..., Any]] = {
    "gateway/dataplane/adapters/bedrock.py::read_error": beside.test_errors_of_providers,
    "gateway/dataplane/adapters/gemini.py::_status_of": beside.test_errors_of_providers,
    "gateway/dataplane/adapters/passed.py::load_answer": parsers.test_answers_that_are_no_json,
    "gateway/dataplane/adapters/passed.py::passed_error": parsers.test_answers_that_are_no_json,
    "gateway/dataplane/adapters/translated.py::plain_error": beside.test_errors_of_providers,
    "gateway/dataplane/addresses.py::is_never_allowed": beside.test_addresses_that_are_configured,
    "gateway/dataplane/addresses.py::is_public": beside.test_addresses_that_are_configured,
    "gateway/dataplane/addresses.py::literal": beside.test_addresses_that_are_configured,
    "gateway/dataplane/app.py::refuse_repeated": beside.test_repeated_headers,
    "gateway/dataplane/batches/booking.py::_add": beside.test_output_files_of_batches,
    "gateway/dataplane/batches/front.py::paging": beside.test_queries_of_lists,
    "gateway/dataplane/batches/lines.py::_call": beside.test_input_files_of_batches,
    "gateway/dataplane/bodies/redaction.py::_redacted_bytes": beside.test_answers_that_are_kept_without_personal_data,
    "gateway/dataplane/bodies/redaction.py::_stream": beside.test_answers_that_are_kept_without_personal_data,
    "gateway/dataplane/bodies/redaction.py::response_text": beside.test_answers_that_are_kept_without_personal_data,
    "gateway/dataplane/breaker_sharing.py::BreakerSharing.hear": beside.test_news_of_breakers,
    "gateway/dataplane/cache/entry.py::Entry.decode": beside.test_what_was_stored,
    "gateway/dataplane/cache/entry.py::unpack": beside.test_what_was_stored,
    "gateway/dataplane/cache/policy.py::wish_of": beside.test_wishes_and_secrets,
    "gateway/dataplane/call.py::_object": parsers.test_bytes_that_are_no_json,
    "gateway/dataplane/call.py::_slowly": parsers.test_bytes_that_are_no_json,
    "gateway/dataplane/call.py::_text": parsers.test_headers_that_callers_write_freely,
    "gateway/dataplane/call.py::new_call": beside.test_what_heads_say_of_the_caller,
    "gateway/dataplane/call.py::read_form": parsers.test_forms_are_read_or_refused,
    "gateway/dataplane/callers.py::about_of": beside.test_what_heads_say_of_the_caller,
    "gateway/dataplane/callers.py::sdk_of": beside.test_what_heads_say_of_the_caller,
    "gateway/dataplane/failures.py::of_status": beside.test_when_to_come_back,
    "gateway/dataplane/failures.py::seconds_of": beside.test_when_to_come_back,
    "gateway/dataplane/feedback.py::_read": beside.test_feedback,
    "gateway/dataplane/formats/anthropic/writing.py::_decoded": parsers.test_requests_become_prompts_or_are_malformed,
    "gateway/dataplane/formats/bedrock/stream.py::Reader._message": beside.test_corrupted_event_streams_of_bedrock,
    "gateway/dataplane/formats/bedrock/stream.py::new_buffer": beside.test_corrupted_event_streams_of_bedrock,
    "gateway/dataplane/formats/checks.py::arguments": parsers.test_requests_become_prompts_or_are_malformed,
    "gateway/dataplane/formats/sequence.py::_is_json": parsers.test_streams_that_are_translated,
    "gateway/dataplane/forms.py::_part": parsers.test_forms_are_read_or_refused,
    "gateway/dataplane/guard/webhook.py::_verdict": beside.test_verdicts_of_webhooks,
    "gateway/dataplane/idempotency/answer.py::Answer.decode": beside.test_what_was_stored,
    "gateway/dataplane/jsonsplice.py::_key": parsers.test_bodies_of_every_endpoint,
    "gateway/dataplane/jsonsplice.py::refuse_duplicates": parsers.test_bodies_of_every_endpoint,
    "gateway/dataplane/mediausage.py::_wav_ms": beside.test_what_media_calls_cost_at_most,
    "gateway/dataplane/sse.py::is_damaged": parsers.test_event_streams_are_split_the_same_however_cut,
    "gateway/dataplane/sse.py::load": parsers.test_event_streams_are_split_the_same_however_cut,
    "gateway/dataplane/stages.py::presented_secret": beside.test_wishes_and_secrets,
    "gateway/dataplane/upstream.py::Origin.of": beside.test_addresses_that_are_configured,
    "gateway/dataplane/usage.py::_unescaped": beside.test_answers_that_broke_off,
    "gateway/dataplane/usage.py::texts_of_cut": beside.test_answers_that_broke_off,
    "gateway/dataplane/watchers.py::OpenAIWatcher.finish_reason": parsers.test_streams_that_pass_are_watched,
    "finetuning/dataplane/peeking.py::Peek._value": beside.test_forms_that_are_looked_into_as_they_come,
    "gateway/otlp/context.py::parse": parsers.test_headers_that_callers_write_freely,
    "gateway/otlp/spans.py::_of_json": parsers.test_spans_as_json,
    "gateway/otlp/spans.py::_of_protobuf": parsers.test_spans_as_protobuf,
    "gateway/otlp/spans.py::unpacked": parsers.test_spans_as_protobuf,
}
LATIN_1 = "any bytes are Latin-1, and the text is only compared or said again"
OWN = "reads what this process, or the same installation, wrote"
VALID = "sees an answer that `load_answer` passed"
CONFIGURED = "the operator's own settings"
UNTRIED = {
    "gateway/dataplane/adapters/anthropic.py::AnthropicAdapter.http": LATIN_1,
    "gateway/dataplane/cache/entry.py::surroundings": LATIN_1,
    "gateway/dataplane/console.py::asked_as": f"{LATIN_1}; `request_id_from` judges it",
    "gateway/dataplane/exposition.py::Exposition.__call__": LATIN_1,
    "gateway/dataplane/front.py::FrontProtocol._caller_request_id": f"{LATIN_1}; `request_id_from` judges it",
    "gateway/dataplane/stages.py::_wished_strategy": f"{LATIN_1}; looked up in a table",
    "gateway/otlp/receiver.py::Traces._take": LATIN_1,
    "gateway/otlp/receiver.py::Traces.__call__": LATIN_1,
    "finetuning/dataplane/files.py::_Reading.__init__": f"{LATIN_1}; `boundary_of` judges it",
    "gateway/dataplane/adapters/media.py::Media.answer": "bytes that are no text are replaced",
    "gateway/dataplane/batches/upstream.py::ask": "all that is no JSON object is refused in the next line",
    "gateway/dataplane/cache/semantic.py::embed": "an answer of this gateway; what has another shape is none",
    "gateway/dataplane/cache/shared.py::SharedStore.get": "deciphers first, then `Entry.decode`",
    "gateway/dataplane/idempotency/rows.py::_read": "deciphers first, then `Answer.decode`",
    "gateway/dataplane/guard/output.py::OutputGuard.whole": VALID,
    "gateway/dataplane/guard/review.py::WebhookReview.whole": VALID,
    "gateway/dataplane/idempotency/answer.py::Answer.encode": LATIN_1,
    "gateway/dataplane/forms.py::Form.encode": OWN,
    "gateway/dataplane/guard/service.py::GuardService.store": OWN,
    "gateway/dataplane/keeper.py::Keeper._store_refused": OWN,
    "gateway/dataplane/limits/script.py::reply": "the answer of the script that is its neighbour",
    "finetuning/dataplane/files.py::AllFiles._get_all": OWN,
    "finetuning/dataplane/localhead.py::HeadAnswer.perform": OWN,
    "gateway/otlp/encoding.py::_attempt": OWN,
    "gateway/otlp/encoding.py::_local": OWN,
    "gateway/otlp/encoding.py::_request": OWN,
    "gateway/otlp/local.py::headers": OWN,
    "gateway/dataplane/proxy.py::Proxy.of": CONFIGURED,
    "gateway/dataplane/proxy.py::_address": CONFIGURED,
}


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _reads(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if _called(node) != "decode" or not isinstance(node.func, ast.Attribute):
        return _called(node) in CODECS
    of = node.func.value
    return not (isinstance(of, ast.Call) and _called(of) in _WRITERS)


def _functions(node: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        is_scope = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        within = (*inside, child.name) if is_scope else inside  # type: ignore[attr-defined]
        if _reads(child) and within:
            yield ".".join(within)
        yield from _functions(child, within)


def found() -> set[str]:
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {
        f"{path.relative_to(ROOT)}::{name}"
        for path in files
        for name in _functions(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_every_parser_of_the_data_plane_is_known() -> None:
    assert found() == set(TRIED) | set(UNTRIED)


def test_what_tries_a_parser_invents_its_input() -> None:
    assert [name for name, test in TRIED.items() if not hasattr(test, "hypothesis")] == []
    assert set(TRIED) & set(UNTRIED) == set()


@pytest.mark.parametrize(
    "source",
    ["orjson.loads(x)", "json.loads(x)", "x.decode()", "header.decode('latin-1')", "struct.unpack('I', x)",
     "message.ParseFromString(x)", "[parse_qs(one) for one in x]"],
)  # fmt: skip
def test_a_new_parser_is_seen(source: str) -> None:
    assert list(_functions(ast.parse(f"class A:\n def b(self, x):\n  return {source}"))) == ["A.b"]


@pytest.mark.parametrize("source", ["orjson.dumps(x).decode()", "b64encode(x).decode()", "x.encode()", "int(x)"])
def test_what_writes_is_no_parser(source: str) -> None:
    assert list(_functions(ast.parse(f"def b(x):\n return {source}"))) == []
