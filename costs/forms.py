"""The form that states a price: a field for each class, tiers as lines of words. Services check it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from costs.models import PriceOverride
from costs.pricing import meters as m
from costs.services.prices import as_override

MILLION, MINUTE = "1M tokens", "minute"
CLASSES: Mapping[str, tuple[str, str]] = {
    m.INPUT: ("Input", MILLION), m.OUTPUT: ("Output", MILLION), m.CACHE_READ: ("Cached read", MILLION),
    m.CACHE_WRITE_5M: ("Cache write, 5 min", MILLION), m.CACHE_WRITE_1H: ("Cache write, 1 h", MILLION),
    m.REASONING: ("Reasoning", MILLION), m.AUDIO_INPUT: ("Audio in", MILLION), m.AUDIO_OUTPUT: ("Audio out", MILLION),
    m.IMAGE_INPUT: ("Image in", MILLION), m.IMAGE_OUTPUT: ("Image out", MILLION), m.REQUEST: ("Request", "request"),
    m.IMAGE: ("Image made", "image"), m.CHARACTER: ("Text spoken", "1M characters"),
    m.AUDIO_SECOND: ("Recording heard", MINUTE), m.WEB_SEARCH: ("Web search", "search"),
    m.TOOL_CALL: ("Tool call", "call"),
}  # fmt: skip
"""Meter → what people call it, and what its price is for."""
USUAL = (m.INPUT, m.OUTPUT, m.CACHE_READ, m.CACHE_WRITE_5M, m.CACHE_WRITE_1H, m.REASONING)
RARE = tuple(meter for meter in CLASSES if meter not in USUAL)
_ABOVE = re.compile(r"(?P<name>.*?)\s*\babove\s+(?P<tokens>[\d,_ ]+)")


def name_of(meter: str) -> str:
    """The form's field of a meter."""
    return f"price_{meter}"


def _help(meter: str) -> SafeString:
    return format_html('per {} <span class="beside" id="beside_{}"></span>', CLASSES[meter][1], meter)


def _price_field(meter: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=CLASSES[meter][0], required=False, min_value=0, max_digits=24, decimal_places=12, help_text=_help(meter),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "vPriceField"}),
    )  # fmt: skip


class TiersField(forms.CharField):
    """Tiers as people write them, one a line: `batch: input 1.25, output 5` or `above 200000: input 5, output 15`."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField mono", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return tiers_in_words(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError that names the line."""
        lines = [line.strip() for line in (value or "").splitlines()]
        return [_tier(number, line) for number, line in enumerate(lines, 1) if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def tiers_in_words(tiers: list[dict[str, Any]]) -> str:
    """What `TiersField` reads, of what is stored."""
    lines = []
    for tier in tiers:
        above = tier.get("above_tokens")
        served = " ".join(filter(None, (tier.get("service_tier"), "" if above is None else f"above {above}")))
        prices = ", ".join(f"{meter} {amount}" for meter, amount in tier["prices"].items())
        lines.append(f"{served}: {prices}")
    return "\n".join(lines)


def _tier(number: int, line: str) -> dict[str, Any]:
    served, colon, rest = line.partition(":")
    if not colon:
        raise forms.ValidationError(
            f"Line {number}: write the tier, a colon and its prices: batch: input 1.25, output 5"
        )
    found = _ABOVE.fullmatch(served.strip())
    name, above = (found["name"], int(re.sub(r"[,_ ]", "", found["tokens"]) or 0)) if found else (served.strip(), None)
    prices = dict(_price(number, part) for part in rest.split(",") if part.strip())
    return {"service_tier": name.strip(), "above_tokens": above, "prices": prices}


def _price(number: int, part: str) -> tuple[str, str]:
    *words, amount = part.split()
    meter = "_".join(words).lower()
    if meter not in m.METERS:
        raise forms.ValidationError(f"Line {number}: {' '.join(words) or part!r} is no class; there are {_known()}.")
    try:
        return meter, f"{Decimal(amount):f}"
    except InvalidOperation:
        raise forms.ValidationError(f"Line {number}: {amount!r} is no price, such as 1.25.") from None


def _known() -> str:
    return ", ".join(m.METERS)


class PriceOverrideForm(forms.ModelForm):
    """What was agreed with a vendor, or what own hardware costs."""

    tiers = TiersField(
        required=False,
        help_text="Other prices of a service tier, or of prompts longer than so many tokens; one a line, in the units "
        "above: <code>batch: input 1.25, output 5</code> or <code>above 200000: input 5, output 15</code>. Classes are "
        f"{_known()}.",
    )  # fmt: skip

    class Meta:
        model = PriceOverride
        fields = (
            "organization", "provider", "model", "tiers", "discount_percent", "currency", "valid_from", "valid_to",
            "source", "note",
        )  # fmt: skip
        widgets = {"note": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})}

    def clean(self) -> dict[str, Any]:
        """Puts the prices together and says of the form what the price book would refuse."""
        data = super().clean() or self.cleaned_data
        stated = {meter: data.get(name_of(meter)) for meter in CLASSES}
        self.instance.prices = {meter: f"{amount:f}" for meter, amount in stated.items() if amount is not None}
        broken = {name_of(meter) for meter in CLASSES} | {"discount_percent", "tiers", "valid_from", "valid_to"}
        if self.errors.keys() & broken or "valid_from" not in data:
            return data
        row = PriceOverride(
            provider=data.get("provider") or "", model=data.get("model") or "", prices=self.instance.prices,
            tiers=data.get("tiers") or [], valid_from=data["valid_from"], valid_to=data.get("valid_to"),
            discount_percent=data.get("discount_percent"),
        )  # fmt: skip
        try:
            as_override(row)
        except ValueError as error:
            text = str(error)
            raise forms.ValidationError(f"{text[:1].upper()}{text[1:]}.") from error
        return data


for _meter in CLASSES:
    PriceOverrideForm.base_fields[name_of(_meter)] = _price_field(_meter)
    PriceOverrideForm.declared_fields[name_of(_meter)] = PriceOverrideForm.base_fields[name_of(_meter)]
