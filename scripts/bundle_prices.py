"""Makes `costs/pricing/data/litellm.json.gz` of LiteLLM's price file: `bundle_prices.py FILE VERSION DAY`."""

import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from costs.pricing.catalogue import BUNDLE
from costs.pricing.litellm import convert

LICENCE = "Facts from https://github.com/BerriAI/litellm, MIT License, Copyright (c) 2023 Berri AI"


def main(file: str, version: str, day: str) -> None:
    document = json.loads(Path(file).read_text(encoding="utf-8"), parse_float=Decimal)
    facts = convert(document)
    models = {
        provider: {
            model: {
                context: {meter: str(amount) for meter, amount in sorted(meters.items())}
                for context, meters in sorted(contexts.items())
            }
            for model, contexts in sorted(models.items())
        }
        for provider, models in sorted(facts.items())
    }
    whole = {"source": "litellm", "version": version, "read_on": day, "licence": LICENCE, "models": models}
    text = json.dumps(whole, separators=(",", ":")).encode()
    BUNDLE.parent.mkdir(exist_ok=True)
    BUNDLE.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{sum(map(len, models.values())):,} models, {BUNDLE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
