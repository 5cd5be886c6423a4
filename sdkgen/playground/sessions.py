"""Sessions of the playground: one short-lived key each, narrow in every way, ended when it is replaced.

The secret leaves in the answer that makes it; what is stored is the key's digest, as of every key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from gateway.choices import Scope
from gateway.models import Organization, Project, User
from gateway.services import audit, keys
from gateway.services.errors import Invalid, NotFound
from sdkgen.models import PlaygroundSession
from sdkgen.playground.offers import offers

MINUTES, MAX_MINUTES = 15, 60
BUDGET, MAX_BUDGET = Decimal("1"), Decimal("25")
"""In the currency that the organization keeps."""
RPM = 120
MAX_LIVE = 5
"""Sessions of one person in one organization, one a tab; a further one ends the oldest."""
KEY_NAME = "Playground"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and the secret of its key, which cannot be had again."""

    session: PlaygroundSession
    secret: str


@transaction.atomic
def open_session(
    *,
    organization: Organization,
    person: User,
    project: Project,
    models: Sequence[str] = (),
    minutes: int = MINUTES,
    budget: Decimal = BUDGET,
    replaces: PlaygroundSession | None = None,
) -> Opened:
    """Make a key of `project` for `person` that may call `models` (none: all that are offered) until it expires.
    `replaces`, one of the person's own, ends first. Raises `Invalid`."""
    User.objects.select_for_update().get(pk=person.pk)  # of two at once each sees the other
    if replaces is not None:
        end_session(session=replaces, person=person)
    live = list(PlaygroundSession.objects.live(timezone.now()).filter(user=person, organization=organization))
    for session in live[: max(0, len(live) + 1 - MAX_LIVE)]:
        end_session(session=session, person=person)
    issued = keys.create_key(
        organization=organization, project=project, actor=person, name=KEY_NAME,
        user=person if keys.is_member(person, organization) else None, scopes=[Scope.INFERENCE.value],
        allowed_models=_allowed(organization, models), rpm_limit=RPM, budget_amount=_bounded(budget),
        expires_at=timezone.now() + timedelta(minutes=minutes),
    )  # fmt: skip
    session = PlaygroundSession.objects.create(organization=organization, project=project, user=person, key=issued.key)
    audit.record(
        organization=organization, actor=person, verb="playground.open", target=session,
        after={
            "key": issued.key.prefix, "project": project.pk, "models": issued.key.allowed_models,
            "expires_at": issued.key.expires_at, "replaces": replaces.pk if replaces else None,
        },
    )  # fmt: skip
    return Opened(session, issued.secret)


@transaction.atomic
def end_session(*, session: PlaygroundSession, person: User) -> None:
    """Revoke its key. Ending twice changes nothing."""
    keys.revoke_key(key=session.key, actor=person)


def own_session(person: User, organization: Organization, pk: object) -> PlaygroundSession:
    """Raises `NotFound` for another's."""
    rows = PlaygroundSession.objects.visible_to(person).filter(organization=organization, user=person)
    found = rows.select_related("key").filter(pk=pk).first()
    if found is None:
        raise NotFound("session_not_found", "No such session of yours.")
    return found


def _allowed(organization: Organization, asked: Sequence[str]) -> list[str]:
    """Never empty, which would mean all names, also those that come later."""
    offered = [offer.name for offer in offers(organization)]
    if not offered:
        raise Invalid("no_models", "The organization has no model that answers conversations.", field="models")
    unknown = sorted(set(asked) - set(offered))
    if unknown:
        raise Invalid("model_not_offered", f"Not offered here: {', '.join(unknown)}.", field="models")
    return list(asked) or offered


def _bounded(budget: Decimal) -> Decimal:
    if not 0 < budget <= MAX_BUDGET:
        raise Invalid("budget_out_of_range", f"The budget is more than 0 and at most {MAX_BUDGET}.", field="budget")
    return budget
