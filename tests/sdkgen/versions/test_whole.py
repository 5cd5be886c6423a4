"""Every piece that a guide may show of the whole document, by compilers: calls, read fields, sent values, errors."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sdk.compilers import MissingToolError, prepare
from sdkgen.examples.data import ExampleError, operations
from sdkgen.examples.render import snippets
from sdkgen.ir.nodes import Api, Enum, Model, Ref
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import generate
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.registry import LANGUAGES
from sdkgen.versions.code import Catch, Make, Piece, _reading, _sending, call_of, snippet
from tests.sdkgen.versions.test_code import SUFFIX

pytestmark = pytest.mark.slow


def pieces(api: Api) -> Iterator[Piece]:
    usage = usage_of(api)
    for resource, method in operations(api):
        yield call_of(api, resource, method)
    yield from map(Catch, api.errors)
    for declared in api.types:
        if isinstance(declared, Model) and declared.name in usage.received:
            yield from filter(None, (_reading(api, declared, field) for field in declared.fields))
        if isinstance(declared, Enum) and declared.name in usage.sent:
            yield from (Make(Ref(declared.name), value) for value in declared.values)
        if isinstance(declared, Model) and declared.name in usage.sent:
            yield from (_sending(api, declared, {field.name}) for field in declared.fields)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_piece_compiles(language: str, api: Api, tmp_path: Path) -> None:
    try:
        package = prepare(language, generate(LANGUAGES[language], api, Config()), tmp_path)
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    written = snippets(language, api)
    codes = []
    for number, piece in enumerate(pieces(api)):
        try:
            codes.append(written.function(f"p{number}", snippet(written, piece)))
        except ExampleError:
            continue  # a step without code

    file = f"{'Example' if language in ('java', 'csharp') else 'example'}.{SUFFIX[language]}"

    assert len(codes) > 2_000
    assert package.check({file: written.file(codes)}) == []
