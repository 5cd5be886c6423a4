"""What is said of a text that is no JSON: nothing about the interpreter."""

import pytest
from django import forms

from gateway.dataplane.call import _object
from gateway.dataplane.errors import ApiError
from gateway.forms import ConfigField
from sdkgen.languages.base.config import ConfigError, read

LONG = '{"a": ' + "9" * 5_000 + "}"
DEEP = '{"a": ' + "[" * 100_000


@pytest.mark.parametrize(("text", "said"), [(LONG, "a number has more than 4,300 digits"), (DEEP, "nested too deeply")])
def test_in_forms(text: str, said: str) -> None:
    with pytest.raises(forms.ValidationError) as refused:
        ConfigField().clean(text)

    assert refused.value.messages == [f"This is not valid JSON: {said}."]


def test_in_the_data_plane() -> None:
    with pytest.raises(ApiError) as refused:
        _object(LONG.encode())

    assert refused.value.message == "The body is not valid JSON: a number has more than 4,300 digits."


@pytest.mark.parametrize("text", [LONG, DEEP])
def test_in_configurations_of_sdks(text: str) -> None:
    with pytest.raises(ConfigError, match="nested too deeply, or a number is too long"):
        read(text)
