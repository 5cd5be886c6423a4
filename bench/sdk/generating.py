"""`python -m bench.sdk.generating FOLDER`: every SDK into FOLDER/LANGUAGE/sdk. Prints the seconds each took, and those
of reading the document (`document`), as JSON."""

import json
import os
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from sdkgen.languages.base.config import Config
    from sdkgen.languages.base.files import write
    from sdkgen.languages.base.language import generate
    from sdkgen.languages.registry import LANGUAGES
    from sdkgen.services import current

    took = {}
    began = time.perf_counter()
    _, api = current()
    took["document"] = time.perf_counter() - began
    for name, language in LANGUAGES.items():
        began = time.perf_counter()
        made = generate(language, api, Config())
        took[name] = time.perf_counter() - began
        write(made.files, folder / name / "sdk")
    print(json.dumps(took))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
