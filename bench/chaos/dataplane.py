"""A data plane with small spool segments, so that a run of minutes rolls over hundreds of them."""

from config.embedded import serve
from gateway.ledger.spool import Spool

SEGMENT_BYTES = 2 << 20


def main() -> None:
    """`python -m config.embedded.serve` but for that."""
    defaults = Spool.__init__.__kwdefaults__
    assert defaults is not None
    defaults["segment_bytes"] = SEGMENT_BYTES
    serve.main()


if __name__ == "__main__":
    main()
