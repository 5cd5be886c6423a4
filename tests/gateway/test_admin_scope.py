"""Lists, filters and pickers of model admin are about the organization chosen in the header."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gateway.choices import Role
from gateway.models import AuditEvent, Membership, Model, Organization, Project, Provider, Route, User, VirtualKey
from gateway.services import catalog, identity, people
from tests import factories

BACKEND = "django.contrib.auth.backends.ModelBackend"
Pickers = dict[str, set[str]]


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def company(db: None) -> factories.Acme:
    """Acme and Globex, each with a provider and a model; one provider is the platform's."""
    made = factories.acme()
    provider = factories.ProviderFactory(organization=made.globex, slug="globex-upstream", name="Globex upstream")
    catalog.create_model(
        actor=None, organization=made.globex, provider=provider, name="globex-model", upstream_name="m"
    )
    return made


@pytest.fixture
def root(company: factories.Acme) -> Client:
    """The superuser, who sees both organizations."""
    return signed_in(company.people["root"])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def choose(client: Client, organization: Organization) -> None:
    client.get(f"/admin/?organization={organization.slug}")


def page(model: Any, kind: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def pickers(client: Client, url: str) -> Pickers:
    """The choices of every picker of the form, inlines included, by field."""
    context = client.get(url).context
    forms = [context["adminform"].form, *(form for inline in context["inline_admin_formsets"] for form in inline.forms)]
    return {
        name: {str(row) for row in field.queryset}
        for form in forms
        for name, field in form.fields.items()
        if hasattr(field, "queryset")
    }


def listed(client: Client, url: str) -> set[str]:
    return {str(row) for row in client.get(url).context["cl"].result_list}


@pytest.mark.parametrize(
    ("model", "acme", "globex"),
    [
        (Project, {"organization": {"Acme"}, "team": {"Search", "Ads"}}, {"organization": {"Globex"}, "team": {"Lab"}}),
        (
            VirtualKey,
            {"project": {"Default", "Assistant", "Banner"}, "user": {"Alice", "Adam", "Dave", "Carol", "Bob"}},
            {"project": {"Default", "Lab"}, "user": {"Mallory"}},
        ),
        (Provider, {"organization": {"Acme"}}, {"organization": {"Globex"}}),
    ],
)
def test_pickers_offer_the_chosen_organization(
    root: Client, company: factories.Acme, model: Any, acme: Pickers, globex: Pickers
) -> None:
    for organization, expected in ((company.organization, acme), (company.globex, globex)):
        choose(root, organization)

        offered = {
            name: {row.split(" ")[0] for row in rows} for name, rows in pickers(root, page(model, "add")).items()
        }

        assert offered == expected


def test_pickers_of_the_catalogue_offer_the_platforms_rows_too(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    targets = pickers(root, page(Route, "add"))["model"]
    providers = pickers(root, page(Model, "add"))["provider"]

    assert not any(company.model.name in row for row in targets)
    assert any("globex-model" in row for row in targets)
    assert providers == {"Globex upstream", company.shared_provider.name}


def test_a_new_row_begins_with_the_chosen_organization(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    form = root.get(page(Provider, "add")).context["adminform"].form

    assert form.fields["organization"].initial == company.globex.pk


def test_a_foreign_choice_is_refused(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    root.post(page(VirtualKey, "add"), {"project": company.assistant.pk, "name": "x", "scopes": ["inference"]})

    assert not VirtualKey.objects.filter(name="x").exists()


def test_a_row_of_another_organization_opens_with_its_own_choices(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    assert pickers(root, page(Membership, "change", company.members["bob"].pk)) == {"team": {"Search", "Ads"}}
    assert any(company.model.name in row for row in pickers(root, page(Route, "change", company.route.pk))["model"])


def test_archived_rows_are_not_offered_for_new_ones(root: Client, company: factories.Acme) -> None:
    choose(root, company.organization)
    team = identity.create_team(organization=company.organization, actor=None, slug="past", name="Past")
    assert pickers(root, page(Project, "add"))["team"] == {"Search", "Ads", "Past"}

    identity.archive_team(team=team, actor=None)

    assert pickers(root, page(Project, "add"))["team"] == {"Search", "Ads"}


def test_lists_show_the_chosen_organization_and_all_on_demand(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    assert listed(root, page(Project)) == {"Default", "Lab"}
    assert listed(root, page(Project) + "?organizations=all") == {"Default", "Lab", "Assistant", "Banner"}
    assert listed(root, page(Provider)) == {"Globex upstream", company.shared_provider.name}
    assert listed(root, page(Organization)) == {"Acme", "Globex"}  # the list of tenants
    text = root.get(page(Project)).content.decode()
    assert 'column-organization"' not in text
    assert "Globex</strong>" in text
    assert 'column-organization"' in root.get(page(Project) + "?organizations=all").content.decode()


def test_actions_reach_what_the_list_shows(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)
    form = {"action": "archive", "_selected_action": [company.banner.pk]}

    root.post(page(Project), form)
    company.banner.refresh_from_db()
    assert company.banner.archived_at is None

    root.post(page(Project) + "?organizations=all", form)
    company.banner.refresh_from_db()
    assert company.banner.archived_at is not None


def test_filters_offer_what_the_list_holds(root: Client, company: factories.Acme) -> None:
    def offered() -> set[str]:
        specs = root.get(page(AuditEvent)).context["cl"].filter_specs
        spec = next(spec for spec in specs if spec.title == "object type")
        return set(spec.lookup_choices)

    choose(root, company.globex)
    globex = offered()
    choose(root, company.organization)

    assert "invitation" in offered()
    assert globex == {"membership", "model", "organization", "project", "team"}


def found(client: Client, model: Any, field: str) -> set[str]:
    """What the search field of a picker suggests."""
    query = {"app_label": "gateway", "model_name": model._meta.model_name, "field_name": field, "term": ""}
    return {row["text"].split(" ")[0] for row in client.get(reverse("admin:autocomplete"), query).json()["results"]}


def test_search_fields_suggest_the_chosen_organization(root: Client, company: factories.Acme) -> None:
    choose(root, company.globex)

    assert found(root, VirtualKey, "project") == {"Default", "Lab"}
    assert found(root, VirtualKey, "user") == {"Mallory"}
    assert {"Mallory", "Bob"} <= found(root, Membership, "user")  # anybody may become a member


def test_members_of_two_organizations_get_the_chosen_ones_rows(company: factories.Acme) -> None:
    alice = signed_in(company.people["alice"])
    people.add_member(
        organization=company.globex, actor=None, user=company.people["alice"], role=Role.OWNER, may_grant_owner=True
    )

    choose(alice, company.globex)
    assert pickers(alice, page(Project, "add")) == {"organization": {"Globex"}, "team": {"Lab"}}
    assert listed(alice, page(Project)) == {"Default", "Lab"}

    choose(alice, company.organization)
    assert pickers(alice, page(Project, "add")) == {"organization": {"Acme"}, "team": {"Search", "Ads"}}
    assert listed(alice, page(Project) + "?organizations=all") == {"Default", "Lab", "Assistant", "Banner"}


def test_one_organization_needs_no_filter(company: factories.Acme) -> None:
    adam = signed_in(company.people["adam"])

    assert "All organizations" not in adam.get(page(Project)).content.decode()
    assert listed(adam, page(Project) + "?organizations=all") == {"Default", "Assistant", "Banner"}


@pytest.mark.parametrize(
    ("state", "names"), [("active", {"ads key", "read key", "write key"}), ("revoked", {"bob key"}), ("expired", set())]
)
def test_keys_are_filtered_by_state(root: Client, company: factories.Acme, state: str, names: set[str]) -> None:
    choose(root, company.organization)
    root.post(page(VirtualKey), {"action": "revoke", "_selected_action": [company.keys["bob"].pk]})

    rows = root.get(page(VirtualKey) + f"?state={state}").context["cl"].result_list

    assert {key.name for key in rows} == names
