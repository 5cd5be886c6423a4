"""Quality scores written through the management API."""

from django.db import connection, transaction

from gateway.models import LedgerLine, Organization, QualityScore, User, VirtualKey
from gateway.scores import RECORD_SQL, Opinion
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import NotFound


@transaction.atomic
def record_score(*, line: LedgerLine, opinion: Opinion, actor: Actor) -> tuple[QualityScore, bool]:
    """Keep an opinion of the request whose final line is `line`; True when it is the source's first on this name.

    Raises `NotFound` for a line that ends no request, or a denied one, which has no answer to judge. Four queries.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD_SQL,
            opinion.parameters(
                line.organization, line.project, line=line.id,
                by_user=actor.pk if isinstance(actor, User) else None,
                by_key=actor.pk if isinstance(actor, VirtualKey) else None,
            ),
        )  # fmt: skip
        row = cursor.fetchone()
    if row is None:
        raise NotFound("nothing_to_score", "This request has no answer that could be scored.")
    score = QualityScore.objects.get(pk=row[0])
    after = {"request_id": score.request_id, "name": score.name, "source": score.source, "score": score.score,
             "label": score.label}  # fmt: skip
    organization = Organization.objects.get(pk=score.organization)
    audit.record(organization=organization, actor=actor, verb="score.recorded", target=score, after=after)
    return score, bool(row[1])
