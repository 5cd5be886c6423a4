"""The calls that the tests of snippets render: every operation of the API, with the fewest arguments and with all, and
each variant that it has."""

from collections.abc import Iterator
from dataclasses import replace

from sdkgen.examples.data import Example, Expects, Options, find
from sdkgen.examples.make import every
from sdkgen.ir.nodes import Api

OPTIONS = Options(
    max_retries=1, total_timeout_s=2.5, idempotency_key="once", tags={"team": 'red "1"'}, end_user="zoë",
    cache="no-store", route="cheapest",
)  # fmt: skip


def samples(api: Api) -> Iterator[tuple[str, Example]]:
    """(an identifier, the example)."""
    number = 0
    for extent in ("minimal", "full"):
        for example in every(api, extent):
            _, method = find(api, example.operation)
            for one in _variants(example, stream=method.stream is not None, paged=method.pagination is not None):
                number += 1
                yield f"call{number}", one


def _variants(example: Example, *, stream: bool, paged: bool) -> Iterator[Example]:
    yield example
    if stream:
        yield replace(example, variant="stream")
        yield replace(example, options=OPTIONS, shows=(("gateway", "cost"), ("gateway", "request_id")))
    if paged:
        yield replace(example, variant="paged")
    if example.operation in ("chat.completions.create", "manage.budgets.delete", "models.list"):
        yield replace(example, variant="async")
        yield replace(example, variant="error", expects=Expects(404, "model_not_found"), options=OPTIONS)
