"""What the generator writes for C#."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from sdkgen.ir.nodes import Api, Enum, Field, Model, Prim
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.language import generate
from sdkgen.languages.csharp import CSharp
from sdkgen.languages.csharp.naming import property_of, word_of
from tests.sdkgen.csharp.conftest import Compiler, own_tests

HOSTILE = 'a */ "b" \\u002a/ </summary> ]]> {0} $"{x}" // \n#error \u2028 public class Evil {} \\'


@pytest.mark.slow
def test_the_same_is_written_twice(api: Api) -> None:
    assert generate(CSharp(), api, Config()).files == generate(CSharp(), api, Config()).files


def test_every_part_has_its_place(csharp_folder: Path) -> None:
    paths = {path.relative_to(csharp_folder).as_posix() for path in csharp_folder.rglob("*") if path.is_file()}

    assert {"README.md", "REFERENCE.md", "CHANGELOG.md", "LICENSE", "LlmGateway.Sdk.csproj", "src/GatewayClient.cs",
            "src/Models/Chat.cs", "src/Resources/ManageApiKeys.cs", "sdk.manifest.json"} <= paths  # fmt: skip


def test_its_own_tests_pass(compiler: Compiler, csharp_folder: Path, library: Path, tmp_path: Path) -> None:
    lines = own_tests(compiler, csharp_folder, library, tmp_path / "tests")

    assert [line for line in lines if not line.startswith("ok ")] == []
    assert len(lines) == 13


def test_the_project_states_both_targets(csharp_folder: Path) -> None:
    project = ElementTree.parse(csharp_folder / "LlmGateway.Sdk.csproj").getroot()

    assert project.findtext("PropertyGroup/TargetFrameworks") == "netstandard2.0;net8.0"
    assert [one.get("Include") for one in project.iter("PackageReference")] == ["System.Text.Json"]


@pytest.mark.parametrize(
    ("wire", "owner", "name"),
    [
        ("max_tokens", "Request", "MaxTokens"),
        ("embedding", "Embedding", "EmbeddingValue"),
        ("equals", "Request", "EqualsValue"),
        ("2fa", "Request", "Field2Fa"),
    ],
)
def test_names_of_properties(wire: str, owner: str, name: str) -> None:
    assert property_of(wire, owner) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [("24h", "Of24H"), ("-started_at", "MinusStartedAt"), ("", "Empty"), ("json", "JsonWord"), ("auto", "Auto")],
)
def test_names_of_words(value: str, name: str) -> None:
    assert word_of(value, "Any") == name


@pytest.mark.parametrize("module", ["llm", "System.Llm", "A.1", "A B", "Class.class"])
def test_a_namespace_that_is_none(module: str) -> None:
    with pytest.raises(ConfigError, match=r"^module: "):
        CSharp().checked(Config(module=module))


def test_hostile_text_stays_text(compiler: Compiler, tmp_path: Path) -> None:
    """Wherever text of the document goes, the code around it is the same: it compiles, and defines nothing more."""
    field = Field("text", Prim("string"), True, "#/t/text", doc=HOSTILE)
    types = (
        Enum("Words", "#/words", (HOSTILE, "plain"), doc=HOSTILE),
        Model("Thing", "#/t", (field,), doc=HOSTILE),
    )  # fmt: skip
    api = Api(HOSTILE, "1", "0" * 64, (), types, doc=HOSTILE)
    config = Config(headers={"X-A": 'a"b\\'})
    for path, content in generate(CSharp(), api, config).files.items():
        if path.startswith("src/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)

    assert compiler.diagnostics(sorted(tmp_path.rglob("*.cs")), tmp_path, "Hostile", library=True) == []
    assert b"\x00Evil\x00" not in (tmp_path / "Hostile.dll").read_bytes()  # names of types stand so in an assembly
