"""No inline script, handler or javascript: URL anywhere: the content security policy allows only our own files."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
WORKERS = {"playground-worker.js"}
"""A worker may import nothing of the page: it is one file."""
FOREIGN = {"api.css", "docs.css", "redoc.css"}
"""They override sheets of others, which know no layers and would win over one."""
STYLES = sorted((ROOT / "static" / "css").rglob("*.css"))
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE)
HANDLER = re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_carry_no_inline_script(path: Path) -> None:
    text = path.read_text()

    assert INLINE_SCRIPT.findall(text) == []
    assert HANDLER.findall(text) == []
    assert "javascript:" not in text
    assert "|safe" not in text.replace("field.help_text|safe", "")  # help texts are the code's own HTML
    assert not re.search(r"hx-(on|vals=.js:|trigger=\S*\[)", text)  # htmx would need eval


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_small_and_evaluate_nothing(path: Path) -> None:
    text = path.read_text()

    assert not re.search(r"\beval\(|new Function|innerHTML|document\.write", text)
    assert len(text.splitlines()) <= (240 if path.name in WORKERS else 120)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_styles_are_layered_and_load_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()

    assert "@layer" in text or path.name in FOREIGN
    assert not re.search(r"url\([\"']?(https?:)?//", text)


def test_colours_live_in_the_tokens_alone() -> None:
    allowed = {"tokens.css", "docs.css", "redoc.css"}  # Swagger UI and ReDoc bring colours of their own
    plain = re.compile(r"(?<![\w%])#[0-9a-fA-F]{3,8}\b")
    found = {
        path.name: plain.findall(path.read_text().replace("%23", "")) for path in STYLES if path.name not in allowed
    }

    # the selection tint, the backdrop and the hover of a destructive button
    assert sum(len(colours) for colours in found.values()) <= 4, found
