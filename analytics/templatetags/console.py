"""Template tags of the console: icons, URLs that keep the page's state."""

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest, QueryDict
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.console import format
from analytics.console.reasons import reason

register = template.Library()

# Class of a form control by the kind of its widget; every other kind is an input. A group of choices has none.
CONTROLS = {
    "select": "select",
    "selectmultiple": "input",
    "textarea": "input textarea",
    "checkbox": "check",
    "checkboxselectmultiple": "",
    "radioselect": "",
}


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """An icon of `static/img/icons.svg`, decorative: the text beside it says what it means."""
    return _icon(name, size, get_script_prefix())


@cache
def _icon(name: str, size: int, prefix: str) -> SafeString:
    """A page shows a hundred; `prefix`: the script's, which the file's URL begins with."""
    return format_html(
        '<svg class="icon" width="{}" height="{}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        size, size, static("img/icons.svg"), name,
    )  # fmt: skip


@register.simple_block_tag(takes_context=True, end_name="endcomponent")
def component(context: template.Context, content: str, name: str, **values: Any) -> SafeString:
    """`{% component "card" title="…" %} body {% endcomponent %}`: `console/components/card.html` around the body.

    The component sees its `values`, `content`, `request` and `csrf_token`, nothing else of the page, so a page's
    variables cannot leak into it. TemplateDoesNotExist names an unknown component.
    """
    assert context.template is not None
    own = context.new({"content": content, **values})
    for shared in ("request", "csrf_token"):
        own[shared] = context.get(shared)
    return context.template.engine.get_template(f"console/components/{name}.html").render(own)


@register.filter
def query_lists(query: QueryDict) -> list[tuple[str, list[str]]]:
    """Names and their values. A template would take `query.lists` for a parameter of that name, if there is one."""
    return list(query.lists())


@register.filter
def query_text(query: QueryDict) -> str:
    """As it stands in an address; for `query.urlencode` the same holds."""
    return query.urlencode()


@register.filter
def control(field: BoundField) -> SafeString:
    """The form field's own widget with the class of our controls."""
    css = f"{field.field.widget.attrs.get('class', '')} {CONTROLS.get(field.widget_type, 'input')}".strip()
    return field.as_widget(attrs={"class": css} if css else {})


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """The page's own query string with `changes`; a change to None or "" removes the parameter."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for name in ("part", "before", "after", *(("start", "end") if "range" in changes else ())):
        query.pop(name, None)
    for name, value in changes.items():
        query.pop(name.rstrip("_"), None)
        if value not in (None, ""):
            query[name.rstrip("_")] = str(value)
    text = query.urlencode()
    return f"?{text}" if text else request.path


@register.simple_tag(takes_context=True)
def period_url(context: dict[str, Any], by: int) -> str:
    """This page in the window before (-1) or after (1) the one shown; empty past now."""
    changes = context["period"].step(by, timezone.now())
    if changes is None:
        return ""
    without = {name: "" for name in ("range", "from", "to", "start", "end") if name not in changes}
    return with_query(context, **without, **changes)


@register.filter
def cells(values: Iterable[object]) -> SafeString:
    """Number cells of a table row; a long table is drawn in a third of the time that a loop in the template takes."""
    return SafeString("".join([f'<td class="num">{escape(str(value))}</td>' for value in values]))


@register.filter
def money(amount: Any, currency: str = "USD") -> str:
    """An amount as people read it: `analytics.console.format.money`; None is a dash."""
    return format.money(amount, currency or "USD")


@register.filter
def duration(ms: Any) -> str:
    """Milliseconds as people read them; None is a dash."""
    return format.duration(ms)


@register.filter
def breakable(name: str) -> SafeString:
    """A name that may break after `-`, `/`, `_`, `:` and `.` between its parts, so that it need not within a word."""
    return SafeString("<wbr>".join(escape(part) for part in re.split(r"(?<=[-/_:.])", str(name)) if part))


@register.filter
def code_spans(text: str | None) -> SafeString:
    """Plain text, with what stands between backticks as code."""
    parts = re.split(r"`([^`\n]+)`", text or "")
    return SafeString(
        "".join(f"<code>{escape(part)}</code>" if n % 2 else escape(part) for n, part in enumerate(parts))
    )


@register.filter
def error_words(error_type: str | None) -> str:
    """An error type in words; the type itself where there are none."""
    return reason(error_type) or error_type or ""


@register.filter
def percent(ratio: Any) -> str:
    """A ratio as people read it: `0.0213` → `2.13 %`; None is a dash."""
    return format.percent(ratio)


@register.filter
def percent_of(share: float) -> str:
    """`0.347` → `34.7%` for a width in CSS, which wants a point whatever the language."""
    return f"{min(max(float(share), 0.0), 1.0) * 100:.2f}%"


@register.filter
def unlocalized(value: float) -> str:
    """A number for CSS: a point and no grouping, whatever the language."""
    return f"{value:.3f}"
