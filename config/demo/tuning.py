"""Training files of the demo company: what its ticket triage is to learn, with defects planted in it, the mended
version, and a file kept for measuring.

The same seed gives the same files. The texts are invented from a few patterns.
"""

import json
import random
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from config.demo.company import Company
from finetuning.services.files import create_file, inspect_file, mend_file
from finetuning.services.files.pricing import priced_options
from gateway.models import Job, Project

NOTE = "training_files"
PROJECT = "ticket-triage"
TRAINED, HELD = 40, 8
"""Examples of each class."""
SYSTEM = "Name the queue of the ticket: billing, shipping, hardware, firmware, safety or returns."
PRODUCTS = ("Heron shelf lifter", "Fjord picker", "Tern sorter", "Puffin tugger", "Eider charging dock")
SITES = ("Bergen", "Aarhus", "Rotterdam", "Gdańsk", "Antwerp", "Hamburg", "Lyon", "Leeds")
TICKETS: dict[str, Sequence[str]] = {
    "billing": (
        "The invoice for the {product} in {site} lists {number} units, we ordered fewer.",
        "Please send a credit note for order {number}, the {product} was charged twice.",
        "Our VAT number is missing on invoice {number} for {site}.",
    ),
    "shipping": (
        "Pallet {number} with the {product} has not reached {site} yet.",
        "Can delivery {number} to {site} be moved to next week? The dock is closed.",
        "The carrier left the {product} at the wrong gate in {site}, reference {number}.",
    ),
    "hardware": (
        "The left wheel of {product} {number} in {site} squeals under load.",
        "{product} {number} does not charge any more, the contacts are burnt off.",
        "A lidar cover of the {product} in {site} is cracked, serial {number}.",
    ),
    "firmware": (
        "After the update the {product} in {site} loses its map, build {number}.",
        "{product} {number} restarts every night since the last release.",
        "Error {number} appears when the {product} joins the fleet in {site}.",
    ),
    "safety": (
        "The emergency stop of {product} {number} reacts late in {site}.",
        "A {product} did not brake for a person in aisle {number} in {site}.",
        "The warning light of {product} {number} stays dark while it drives in {site}.",
    ),
    "returns": (
        "We want to send back {number} spare batteries of the {product}.",
        "How do we return the {product} we rented for {site}, contract {number}?",
        "Return label {number} for the {product} has expired, please send another.",
    ),
}
BROKEN = b'{"messages": [{"role": "user", "content": "The picker in Lyon lost a screw."}, {"role": "assistant"'
PRIVATE = "The {product} never came. Call me, (415) 555-26{number:02d}, or write to kari.{number}@lagerhus.no"
MODEL = "gpt-4.1-mini-2025-04-14"


@transaction.atomic
def ensure_training_files(job: Job, company: Company) -> bool:
    """Make them once, when every day is in."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    project = Project.objects.select_related("organization").get(pk=company.project(PROJECT))
    held, trained = files_of(company.seed)
    validation = create_file(
        project=project, name="triage-validation.jsonl", content=[held], created_by=None, actor=None
    )  # fmt: skip
    training = create_file(project=project, name="triage.jsonl", content=[trained], created_by=None, actor=None)
    options = priced_options(training, at=company.calendar.until.date(), model=MODEL).options
    inspect_file(validation, options=options)
    mend_file(training, validation=validation, options=options, actor=None)
    locked.result = {**result, NOTE: 2}
    locked.save(update_fields=["result", "updated_at"])
    return True


def files_of(seed: int) -> tuple[bytes, bytes]:
    """`(kept for measuring, for training)`."""
    chance = random.Random(f"{seed}/training files")
    examples = [
        (_ticket(chance, pattern), queue)
        for queue, patterns in TICKETS.items()
        for pattern in (patterns[number % len(patterns)] for number in range(TRAINED + HELD))
    ]
    chance.shuffle(examples)
    held, trained = examples[: HELD * len(TICKETS)], examples[HELD * len(TICKETS) :]
    return _lines([_example(*one) for one in held]), _with_defects(chance, held, trained)


def _ticket(chance: random.Random, pattern: str) -> str:
    return pattern.format(
        product=chance.choice(PRODUCTS), site=chance.choice(SITES), number=chance.randint(1_000, 9_999)
    )  # fmt: skip


def _with_defects(
    chance: random.Random, held: Sequence[tuple[str, str]], trained: Sequence[tuple[str, str]]
) -> bytes:  # fmt: skip
    """Repeats, empty answers, a leak, addresses and numbers of people, wrong queues, a line that was cut."""
    rows = [_example(*one) for one in trained]
    rows += [_example(*one) for one in trained[:6]]
    rows += [_example(text, "") for text, _ in trained[10:13]]
    rows += [_example(*held[0]), _example(*held[1])]
    rows += [
        _example(PRIVATE.format(product=chance.choice(PRODUCTS), number=number), "shipping")
        for number in chance.sample(range(10, 99), 4)
    ]
    for number, (text, queue) in enumerate(trained[20:26]):
        rows[20 + number] = _example(text, chance.choice([other for other in TICKETS if other != queue]))
    order = [*range(len(rows))]
    chance.shuffle(order)
    return _lines([rows[place] for place in order]) + BROKEN + b"\n"


def _example(text: str, queue: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": SYSTEM}, {"role": "user", "content": text},
            {"role": "assistant", "content": queue},
        ]
    }  # fmt: skip


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
