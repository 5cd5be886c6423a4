"""The demo company's rows: organization, people, keys, catalogue, contract price. Everything but its ledger lines."""

import hashlib
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.hashers import make_password

from config.demo import company as data
from config.demo import policies, story
from config.demo.commitments import agreed_of, first_open_day
from config.demo.company import FOUNDED, PILOT_KEY, RUNAWAY_KEY, Company, Key
from config.demo.prices import override_of
from costs.models import Commitment, PriceOverride
from gateway.choices import Role
from gateway.credentials import KEY_MARK
from gateway.models import Membership, Organization, Project, Team, User, VirtualKey
from gateway.services import audit, catalog

CREDENTIAL = "sk-simulated"  # the simulated provider takes any; without one it refuses, as the real ones do


def create(company: Company, simulator_url: str) -> Organization:
    """Everything at once, in the caller's transaction. Ids derive from the seed; nobody can sign in or call with what
    is made here: passwords are unusable and the keys' secrets do not exist."""
    founded = company.calendar.midnight(FOUNDED)
    organization = Organization.objects.create(id=company.organization, slug=company.slug, name=data.NAME, is_demo=True)
    teams = _teams(company, organization)
    projects = _projects(company, organization, teams)
    people = _people(company, organization, teams, founded)
    _keys(company, organization, projects, people)
    _catalogue(organization, simulator_url)
    _contract(company, organization)
    _commitments(company, organization, projects)
    policies.create(organization)
    for rows in (Organization, Team, Project, VirtualKey):
        mine = {"id": company.organization} if rows is Organization else {"organization": company.organization}
        rows._default_manager.filter(**mine).update(created_at=founded)
    for key in company.keys:
        if key.created != FOUNDED:
            made = company.calendar.midnight(key.created)
            VirtualKey.objects.filter(pk=company.key(key)).update(created_at=made)
    audit.record(
        organization=organization, actor=None, verb="organization.seed_demo", target=organization,
        after={"seed": company.seed, "until": company.calendar.until},
    )  # fmt: skip
    return organization


def _teams(company: Company, organization: Organization) -> dict[str, Team]:
    rows = [
        Team(id=company.team(slug), organization=organization, slug=slug, name=name)
        for slug, name in data.TEAMS.items()
    ]
    return {team.slug: team for team in Team.objects.bulk_create(rows)}


def _projects(company: Company, organization: Organization, teams: dict[str, Team]) -> dict[str, Project]:
    rows = [
        Project(id=company.project(slug), organization=organization, team=teams[team], slug=slug, name=name)
        for slug, (team, name, _, _) in data.PROJECTS.items()
    ]
    return {project.slug: project for project in Project.objects.bulk_create(rows)}


def _people(company: Company, organization: Organization, teams: dict[str, Team], founded: datetime) -> list[User]:
    people = []
    for index, (name, _, _) in enumerate(data.PEOPLE):
        first, _, last = name.partition(" ")
        address = data.email(name, company.slug)
        people.append(
            User(
                id=company.user(index), username=address, email=address, first_name=first, last_name=last,
                password=make_password(None), date_joined=founded,
            )
        )  # fmt: skip
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(
        Membership(
            id=company.id_of("membership", name), organization=organization, user=people[index], role=Role(role),
            team=teams.get(team),
        )
        for index, (name, role, team) in enumerate(data.PEOPLE)
    )  # fmt: skip
    return people


def _keys(company: Company, organization: Organization, projects: dict[str, Project], people: list[User]) -> None:
    VirtualKey.objects.bulk_create(_key(company, key, organization, projects, people) for key in company.keys)


def _key(
    company: Company, key: Key, organization: Organization, projects: dict[str, Project], people: list[User]
) -> VirtualKey:
    """A key that nothing opens: its digest is not that of any secret."""
    digest = hashlib.sha256(f"no secret: {company.seed}/{company.slug}/{key.project}/{key.name}".encode()).digest()
    runaway, pilot = (key.project, key.name) == RUNAWAY_KEY, (key.project, key.name) == PILOT_KEY
    return VirtualKey(
        id=company.key(key),
        organization=organization,
        project=projects[key.project],
        user=None if key.user is None else people[key.user],
        name=key.name,
        prefix=f"{KEY_MARK}{digest.hex()[:8]}",
        digest=digest,
        revoked_at=company.calendar.revoked_at if runaway else None,
        budget_amount=story.PILOT_BUDGET if pilot else None,
    )


def _catalogue(organization: Organization, simulator_url: str) -> None:
    """Through the services, so that a private address gets onto the allow-list and every row into the audit trail."""
    providers = {}
    for slug, (name, kind, price_list) in data.PROVIDERS.items():
        providers[slug] = catalog.set_provider(
            organization=organization, actor=None, slug=slug, name=name, kind=kind, price_list=price_list,
            base_url=simulator_url, is_enabled=True, credential=CREDENTIAL,
        ).row  # fmt: skip
    models = {}
    for name, (provider, capabilities, context, longest) in data.MODELS.items():
        models[name] = catalog.add_model(
            organization=organization, actor=None, provider=providers[provider], name=name, upstream_name=name,
            capabilities=list(capabilities), context_tokens=context, max_output_tokens=longest,
        ).row  # fmt: skip
    for alias, targets in data.ROUTES.items():
        catalog.create_route(
            organization=organization, actor=None, alias=alias,
            targets=[catalog.Target(model=models[name], priority=rank, weight=1) for rank, name in enumerate(targets)],
        )  # fmt: skip


def _contract(company: Company, organization: Organization) -> None:
    """The price change, with the id that the lines name."""
    override = override_of(company)
    row = PriceOverride.objects.create(
        id=company.price_override,
        organization=organization,
        provider=override.provider,
        model=override.model,
        prices={meter: f"{Decimal(amount):f}" for meter, amount in override.prices.items()},
        valid_from=override.valid_from,
        source="Volume contract",
        note="16 % below the list for a yearly commitment.",
    )
    audit.record(
        organization=organization, actor=None, verb="price.set", target=row,
        after={"provider": row.provider, "model": row.model, "prices": row.prices, "valid_from": row.valid_from},
    )  # fmt: skip


def _commitments(company: Company, organization: Organization, projects: dict[str, Project]) -> None:
    """What is paid whether it is used or not; its days are booked with the others, and later ones by the background
    process."""
    for one in agreed_of(company):
        row = Commitment.objects.create(
            id=one.identity(company), organization=organization, name=one.name, kind=one.kind, provider=one.provider,
            model=one.model, project=projects[one.project], amount=one.amount, per=one.per, units=one.units,
            unit_name=one.unit_name, currency=organization.currency, tokens_per_minute=one.tokens_per_minute,
            starts_on=company.calendar.day(FOUNDED), booked_until=first_open_day(company),
        )  # fmt: skip
        audit.record(
            organization=organization, actor=None, verb="commitment.create", target=row,
            after={"name": row.name, "provider": row.provider, "model": row.model, "amount": row.amount,
                   "units": row.units, "starts_on": row.starts_on},
        )  # fmt: skip
