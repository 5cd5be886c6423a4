"""Form fields that console pages and model admin share."""

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput

from gateway.jsonfaults import fault_of


class Readable(json.JSONEncoder):
    """Two spaces a level."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2})


class ConfigField(forms.JSONField):
    """A JSON object in a text area; empty is `{}`. An error names line and column, and what was typed stays."""

    def __init__(self, *, rows: int = 14, css: str = "", **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": css})
        super().__init__(**{"required": False, "widget": widget, "encoder": Readable, **kwargs})

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else InvalidJSONInput(data or "")  # as it was typed, valid or not

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value) or {}
        except (forms.ValidationError, ValueError, RecursionError):
            raise forms.ValidationError(_where(value), code="invalid") from None
        _refuse_what_no_column_takes(found)
        return found


def _where(value: Any) -> str:
    try:
        json.loads(value)
    except json.JSONDecodeError as error:
        return f"This is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}."
    except (ValueError, RecursionError) as error:
        return f"This is not valid JSON: {fault_of(error)}."
    return "This is not valid JSON."


def _refuse_what_no_column_takes(value: Any) -> None:
    """PostgreSQL's jsonb has neither NUL characters nor lone surrogates."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        raise forms.ValidationError("This has a number or character that cannot be stored.", code="invalid") from None
    if "\\u0000" in text:
        raise forms.ValidationError("This has a NUL character, which cannot be stored.", code="invalid")
