"""Deploy a tuned model: at its vendor where it must be, and on a route; or withdraw it from both again."""

from django.db import transaction

from finetuning.choices import CanaryGuard
from finetuning.models import Hosting, TunedModel
from finetuning.services import canaries, hosting, shares
from gateway.models import RouteTarget
from gateway.services.audit import Actor
from gateway.services.errors import Conflict


@transaction.atomic
def deploy(
    *, tuned: TunedModel, alias: str, share: int, actor: Actor, canary_guard: str = CanaryGuard.ROLLBACK
) -> None:  # fmt: skip
    """Give `share` percent of the first choices of the route `alias` to the tuned model, as `shares.put_on` says. A
    model that its vendor must deploy first (Azure) is deployed in the background and then put there; `hosting.sync`
    makes a first round. One that somebody has deployed and enabled by hand is put there at once. While it has a
    part of the calls it is watched as `canary_guard` says. Raises `Invalid`, `Conflict`."""
    row = (
        TunedModel.objects.select_for_update(of=("self",)).select_related("catalog_model", "provider").get(pk=tuned.pk)
    )
    model = row.catalog_model
    if model is None or model.is_enabled or not hosting.needs_hosting(row):
        shares.put_on(tuned=row, alias=alias, share=share, actor=actor)
        row.refresh_from_db(fields=["serving"])
        canaries.watch(tuned=row, alias=alias, share=share, guard=canary_guard, actor=actor)
        return
    shares.check_share(share)
    shares.check_alias(row.organization_id, alias)
    if row.archived_at is not None:
        raise Conflict("not_served", "The model is archived.")
    hosting.want(tuned=row, waits={alias: share}, actor=actor)
    canaries.watch(tuned=row, alias=alias, share=share, guard=canary_guard, actor=actor)


@transaction.atomic
def withdraw(*, tuned: TunedModel, alias: str, actor: Actor) -> None:
    """Take it from the route again, or from what waits for its deployment; with its last route its deployment ends.
    Raises `Conflict` when it is not on the route."""
    row = TunedModel.objects.select_for_update(of=("self",)).get(pk=tuned.pk)
    canaries.end(tuned=row, alias=alias, why="It was withdrawn.", actor=actor)
    deployed = Hosting.objects.select_for_update().filter(tuned=row, is_wanted=True).first()
    if deployed is not None and alias in deployed.waits:
        deployed.waits = {name: share for name, share in deployed.waits.items() if name != alias}
        deployed.save(update_fields=["waits", "updated_at"])
        if alias in row.serving.get("routes", {}):
            shares.take_off(tuned=row, alias=alias, actor=actor)
    else:
        shares.take_off(tuned=row, alias=alias, actor=actor)
    row.refresh_from_db()
    if deployed is None or deployed.waits or row.serving.get("routes"):
        return
    if RouteTarget.objects.filter(model=row.catalog_model_id).exists():
        return  # somebody has put it on a route by hand
    hosting.unwant(tuned=row, actor=actor)
