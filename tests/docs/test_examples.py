"""Every example marked `<!-- test -->` is typed in, as it stands, against a running data plane."""

import json
import subprocess
import sys

import pytest

from tests.docs.conftest import Installation
from tests.docs.pages import PAGES, ROOT, Block, blocks

OPERATED = [ROOT / "docs/go-live.md", ROOT / "docs/operations/runbooks.md"]
"""Pages whose commands are typed by an operator, in production."""
TESTED = [block for page in PAGES for block in blocks(page) if block.is_tested]
EXAMPLES = [block for block in TESTED if block.page not in OPERATED]
COMMANDS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


def run(block: Block, installation: Installation, environment: dict[str, str] | None = None) -> str:
    """Standard output; fails with everything the example said."""
    done = subprocess.run(
        [*COMMANDS[block.language], installation.adapted(block.text)],
        cwd=ROOT, env=environment or installation.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_example(block: Block, installation: Installation):
    output = run(block, installation)

    assert output.strip()
    if block.output == "json":
        assert "error" not in json.loads(output)


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in TESTED if block.page in OPERATED], ids=str)
def test_command_of_an_operator(block: Block, installation: Installation):
    with installation.alive():
        output = run(block, installation, installation.production)

    assert output.strip()


@pytest.mark.slow
def test_first_calls_of_the_readme_are_in_the_ledger(installation: Installation):
    readme = [block for block in EXAMPLES if block.page.name == "README.md"]
    assert [block.language for block in readme] == ["bash", "python"]
    stack = installation.stack
    stack.book()
    with stack.connect() as connection:
        (before,) = connection.execute("SELECT count(*) AS n FROM gateway_ledgerline").fetchone().values()

    answer = json.loads(run(readme[0], installation))
    run(readme[1], installation)

    assert answer["choices"][0]["message"]["content"]
    stack.book()
    with stack.connect() as connection:
        lines = connection.execute("SELECT * FROM gateway_ledgerline ORDER BY booked_at, id").fetchall()[before:]
    assert [(line["status"], line["is_stream"], line["price_status"]) for line in lines] == [
        ("ok", False, "priced"),
        ("ok", False, "priced"),
        ("ok", True, "priced"),
    ]
    assert [line["sdk"].partition("/")[0] for line in lines] == ["curl", "openai-python", "openai-python"]
