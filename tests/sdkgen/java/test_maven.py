"""The package's own build file: Maven compiles it under the strict flags and makes the jar."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named
from tests.sdkgen.java.toolchain import tool

UNREACHABLE = re.compile(r"Could not transfer artifact|Unknown host|status code: 40[37]|Connection (refused|timed out)")


@pytest.mark.slow
def test_maven_makes_the_jar(api: Api, tmp_path: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip("no Maven on this machine")
    write(generate(named("java"), api, Config(version="2.3.4")).files, tmp_path)

    done = subprocess.run(
        [maven, "-q", "-B", "package"], cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "JAVA_HOME": str(Path(tool("javac")).resolve().parents[1])},
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode and UNREACHABLE.search(said):
        pytest.skip("Maven Central does not answer")

    assert done.returncode == 0, said
    with zipfile.ZipFile(tmp_path / "target" / "llm-gateway-sdk-2.3.4.jar") as jar:
        names = set(jar.namelist())
        assert "Automatic-Module-Name: com.llmgateway" in jar.read("META-INF/MANIFEST.MF").decode()
    assert {"com/llmgateway/LlmGateway.class", "META-INF/maven/com.llmgateway/llm-gateway-sdk/pom.xml"} <= names
