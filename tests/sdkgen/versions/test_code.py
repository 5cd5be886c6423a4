"""Code of before and after, by compilers: before compiles on the older package and fails on the newer one where it is
said to, after compiles on the newer one and runs. Two packages a language."""

import os
from pathlib import Path
from typing import cast

import pytest

from bench.sdk.compilers import MissingToolError, prepare
from bench.sdk.evidence import failing
from sdkgen.examples.render import snippets
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import Language, generate
from sdkgen.languages.base.names import Lock
from sdkgen.languages.registry import LANGUAGES
from sdkgen.versions import compare
from sdkgen.versions.code import Pair, is_told, snippet
from sdkgen.versions.guide import steps
from tests.sdkgen.versions.planted import Unlocked, number_of, pair
from tests.sdkgen.versions.running import answering, run

pytestmark = pytest.mark.slow
SUFFIX = {"python": "py", "typescript": "ts", "java": "java", "go": "go", "csharp": "cs"}


@pytest.fixture(scope="module")
def apis() -> tuple[Api, Api]:
    return pair()


@pytest.mark.parametrize("language", LANGUAGES)
def test_before_and_after(language: str, apis: tuple[Api, Api], tmp_path: Path) -> None:
    old, new = apis
    unlocked = cast(Language, Unlocked(LANGUAGES[language]))
    try:
        packages = [prepare(language, generate(unlocked, api, Config()), tmp_path / side)
                    for side, api in (("old", old), ("new", new))]  # fmt: skip
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    changes = [change for change in compare(old, new) if is_told(change)]
    was, now = (snippets(language, api, lock=Lock()) for api in apis)
    pieces = {f"p{number_of(change.subject)}": Pair(old, new).pieces(change) for change in changes}
    before = [was.function(f"before_{name}", snippet(was, one[0])) for name, one in pieces.items() if one[0]]
    after = [now.function(f"after_{name}", snippet(now, one[1])) for name, one in pieces.items() if one[1]]
    file = f"{'Example' if language in ('java', 'csharp') else 'example'}.{SUFFIX[language]}"
    told = {f"p{number_of(step.change.subject)}": step for step in steps(language, old, new, lock=Lock())}

    text = was.file(before)
    assert packages[0].check({file: text}) == []
    assert packages[1].check({file: now.file(after)}) == []
    with answering(new) as (url, seen):
        run(packages[1], now.file(after), after, url)
    assert len(seen) == sum(code.is_alone for code in after) >= 12
    said = packages[1].check({file: text})
    broken = {_number(name) for name in failing(before, text, said)}
    assert broken == {_number(name) for name, step in told.items() if step.is_noticed}
    assert len(before) >= 12


def _number(name: str) -> int:
    return int("".join(filter(str.isdigit, name)))
