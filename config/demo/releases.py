"""Two older releases of the SDKs, so that the demo shows real differences.

The documents are this project's own: 0.9.0 is the document as it was exported when the data plane was first described;
0.8.0 has the management API as it was described a day before, beside the same description of the data plane.
"""

from django.db import transaction

from config.demo.documents import BEFORE, document
from sdkgen import ir
from sdkgen.models import Release
from sdkgen.releases import FIRST, ensure_first_release
from sdkgen.services import representation_of, store_release
from sdkgen.versions import compare


def ensure_releases() -> bool:
    """Put the older releases before the first one; True when that is done now. An installation that has released
    anything else is left alone."""
    ensure_first_release()
    first = Release.objects.light().filter(version=FIRST).first()
    if first is None or Release.objects.exclude(pk=first.pk).exists():
        return False
    made = {version: ir.build(document(version)) for version in BEFORE}
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=first.pk)
        if Release.objects.exclude(pk=first.pk).exists():
            return False
        previous, before = None, None
        for version, api in made.items():
            previous = store_release(
                version=version, document=document(version), api=api, previous=previous,
                changes=compare(before, api) if before is not None else (),
                released_at=first.released_at - BEFORE[version],
            )  # fmt: skip
            before = api
        assert before is not None
        changes = compare(before, representation_of(first))
        Release.objects.filter(pk=first.pk).update(previous=previous, changes=[one.as_json() for one in changes])
    return True
