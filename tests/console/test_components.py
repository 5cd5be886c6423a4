"""The component tag, the form field, and the gallery that shows every component."""

import re
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template, TemplateDoesNotExist
from pytest_django import DjangoAssertNumQueries

from gateway.console.parts import Pair, Sample, Tab
from tests.console.company import Company
from tests.console.conftest import SignIn

ROOT = Path(settings.BASE_DIR)
PARTS = sorted(path.stem for path in (ROOT / "templates" / "console" / "components").glob("*.html"))


def drawn(source: str, **values: object) -> str:
    """The markup of `source` with runs of white space made one space."""
    text = Template("{% load console %}" + source).render(Context(values))
    return re.sub(r"\s+", " ", text).strip()


def test_a_component_sees_what_it_is_given_and_nothing_of_the_page() -> None:
    markup = drawn('{% component "card" sub=words %}<p>{{ title }}</p>{% endcomponent %}', title="Page", words="a < b")

    assert markup == (
        '<section class="card"> <p class="card-sub">a &lt; b</p> <div class="card-body"><p>Page</p></div> </section>'
    )


def test_an_unknown_component_is_named() -> None:
    with pytest.raises(TemplateDoesNotExist, match=r"console/components/caard\.html"):
        drawn('{% component "caard" %}{% endcomponent %}')


@pytest.mark.parametrize(("share", "width"), [(0.821, "82.10"), (1.2, "100.00"), (-1, "0.00")])
def test_a_bar_says_its_share(share: float, width: str) -> None:
    markup = drawn(
        '{% include "console/components/bar.html" with label="Team" share=share text="$1 of $2" only %}', share=share
    )

    assert f'aria-valuenow="{width}" aria-valuetext="$1 of $2"><span style="width:{width}%">' in markup


def test_pairs_offer_a_copy_button_where_there_is_something_to_copy() -> None:
    markup = drawn(
        '{% include "console/components/pairs.html" with pairs=pairs only %}',
        pairs=[Pair("Kind", "OpenAI"), Pair("Base URL", "https://a.example", is_code=True, copy="https://a.example")],
    )

    assert "<dt>Kind</dt><dd>OpenAI</dd>" in markup
    assert 'data-copy="https://a.example" aria-label="Copy base url"' in markup
    assert markup.count("<button") == 1


def test_tabs_mark_the_current_one() -> None:
    markup = drawn(
        '{% include "console/components/tabs.html" with label="Views" tabs=tabs only %}',
        tabs=[Tab("All", "?tab=all", is_current=True), Tab("Open", "?tab=open&x=1", count="3")],
    )

    assert '<a class="tab" href="?tab=all" aria-current="page">All</a>' in markup
    assert '<a class="tab" href="?tab=open&amp;x=1">Open <span class="tab-count">3</span></a>' in markup


def test_code_tabs_show_the_first_sample() -> None:
    markup = drawn(
        '{% include "console/components/code_tabs.html" with id="x" samples=samples only %}',
        samples=[Sample("curl", "curl <url>"), Sample("Python", "print()")],
    )

    assert re.findall(r'aria-controls="(x-\d)" aria-selected="(\w+)"', markup) == [("x-1", "true"), ("x-2", "false")]
    assert re.findall(r'<div role="tabpanel" id="(x-\d)"[^>]*?( hidden)?>', markup) == [("x-1", ""), ("x-2", " hidden")]
    assert "curl &lt;url&gt;" in markup


class Form(forms.Form):
    name = forms.CharField(help_text="Shown in lists.", widget=forms.TextInput(attrs={"class": "own"}))
    mode = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect, required=False)
    is_enabled = forms.BooleanField(required=False)


def test_a_form_says_what_is_wrong_beside_the_field() -> None:
    markup = drawn('{% component "form" form=form submit="Add" cancel="/back/" %}{% endcomponent %}', form=Form({}))

    assert 'class="own input"' in markup
    assert 'aria-describedby="id_name_helptext id_name_error"' in markup
    assert '<div id="id_name_error"><p class="error-text">This field is required.</p></div>' in markup
    assert '<div class="help" id="id_name_helptext">Shown in lists.</div>' in markup
    assert "Nothing was saved: correct the fields marked below." in markup
    assert (
        '<button class="btn btn-primary" type="submit">Add</button> <a class="btn" href="/back/">Cancel</a>' in markup
    )


def test_a_form_with_a_body_draws_the_body_alone() -> None:
    markup = drawn(
        '{% component "form" form=form %}{% include "console/components/field.html" with field=form.mode only %}'
        "{% endcomponent %}",
        form=Form(),
    )

    assert re.findall(r'name="(\w+)"', markup) == ["csrfmiddlewaretoken", "mode"]
    assert '<legend class="label">Mode <span class="quiet">(optional)</span></legend>' in markup


def test_a_form_carries_the_token_unless_it_is_a_filter() -> None:
    source = '{% component "form" form=form method=method %}{% endcomponent %}'

    posted = drawn(source, form=Form(), method="post", csrf_token="secret")
    assert '<input type="hidden" name="csrfmiddlewaretoken" value="secret">' in posted
    assert "secret" not in drawn(source, form=Form(), method="get", csrf_token="secret")


def test_the_gallery_shows_every_component_and_is_the_superusers(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    source = (ROOT / "templates" / "console" / "components.html").read_text()
    documented = (ROOT / "docs" / "console-components.md").read_text()
    used = set(re.findall(r'component "(\w+)"|components/(\w+)\.html', source))

    assert sorted({a or b for a, b in used}) == PARTS
    assert [part for part in PARTS if not re.search(rf'component "{part}"|components/{part}\.html', documented)] == []
    assert sign_in("alice").get("/admin/components/").status_code == 403
    root = sign_in("root")
    with django_assert_num_queries(4):  # session, person, organizations, heartbeats
        assert root.get("/admin/components/").status_code == 200
