"""Static files over ASGI."""

import warnings
from pathlib import Path
from typing import Any

from django.test import AsyncClient

ROOT = Path(__file__).resolve().parents[2]


async def test_a_file_is_sent_without_a_warning() -> None:
    name = "js/charts.js"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        response: Any = await AsyncClient().get(f"/static/{name}")
        content = b"".join([piece async for piece in response])
    assert (response.status_code, content) == (200, (ROOT / "static" / name).read_bytes())
    assert [str(warning.message) for warning in said if "StreamingHttpResponse" in str(warning.message)] == []
