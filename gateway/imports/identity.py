"""Ids of imported lines (rule 7): derived, so that the same usage always becomes the same ledger line."""

import hashlib
from collections import Counter
from uuid import UUID

from gateway.imports.records import UsageRecord
from gateway.ledger.ids import ms_of, uuid7


class Identifier:
    """Gives each record of one file its id: the record's own millisecond and 74 bits of a SHA-256.

    Hashed are the organization, the source (by default the file's content, so its name does not matter), the record
    (its own id where it has one, else its text) and its ordinal among equal records, so that twins are both kept.
    Needs about 150 bytes of memory a record.
    """

    def __init__(self, organization: UUID, source: str) -> None:
        self._prefix = hashlib.sha256(f"{organization}\0{source}\0".encode())
        self._seen: Counter[bytes] = Counter()

    def identify(self, record: UsageRecord) -> UUID:
        """Call once a record, in the file's order."""
        content = f"key\0{record.key}" if record.key else f"record\0{record.raw}"
        short = hashlib.blake2b(content.encode(), digest_size=12).digest()
        ordinal = 0 if record.key else self._seen[short]
        self._seen[short] = ordinal + 1
        hashed = self._prefix.copy()
        hashed.update(f"{content}\0{ordinal}".encode())
        bits = int.from_bytes(hashed.digest()[:10], "big") & ((1 << 74) - 1)
        return uuid7(ms_of(record.at), bits)
