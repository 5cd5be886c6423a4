import json
import shutil
from io import StringIO
from pathlib import Path

import plotly.offline
import pytest
from django.core.management import CommandError, call_command

from analytics.console import vendor


def test_vendored_files_are_what_the_manifest_says() -> None:
    out = StringIO()

    call_command("vendor_check", stdout=out)

    assert out.getvalue() == "Vendored files match their manifest.\n"


def test_plotly_is_the_version_that_builds_the_figures() -> None:
    manifest = json.loads((vendor.VENDOR_DIR / vendor.MANIFEST).read_text())

    assert f"plotly-basic-{plotly.offline.get_plotlyjs_version()}.min.js" in manifest


def test_changed_missing_and_undeclared_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = tmp_path / "vendor"
    shutil.copytree(vendor.VENDOR_DIR, copied)
    script = next(copied.glob("plotly-basic-*.js"))
    script.write_bytes(script.read_bytes() + b"\n")
    (copied / "plotly-LICENSE.txt").unlink()
    (copied / "stray.js").write_text("alert(1)")

    problems = vendor.check_vendored(copied)

    named = {problem.split(" ")[0] for problem in problems}
    assert named == {"stray.js", script.name, "plotly-LICENSE.txt"}
    assert vendor.check_vendored(tmp_path) == [
        f"manifest.json cannot be read: [Errno 2] No such file or directory: '{tmp_path / 'manifest.json'}'"
    ]
    monkeypatch.setattr(vendor.check_vendored, "__defaults__", (copied,))
    with pytest.raises(CommandError, match=r"stray\.js is not in manifest\.json"):
        call_command("vendor_check")
