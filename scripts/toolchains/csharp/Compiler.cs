// A small csc: Roslyn with the references of one runtime, as a command.
//   csc [--library] [--out DIR] [--name NAME] [--reference DLL]... [--define SYMBOL]... [--docs] [--lenient] FILE...
// Nullable references are on and warnings are errors unless --lenient. Prints one line a diagnostic and exits with 1
// when there is one. `csc --serve` reads a JSON array of such arguments a line and answers {"ok", "diagnostics"} a line.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

public static class Compiler
{
    private static readonly Dictionary<string, MetadataReference> Known = new();

    public static int Main(string[] arguments)
    {
        if (arguments.Length == 1 && arguments[0] == "--version")
        {
            Console.WriteLine($"Roslyn {typeof(CSharpCompilation).Assembly.GetName().Version}, .NET {Environment.Version}");
            return 0;
        }
        if (arguments.Length == 1 && arguments[0] == "--serve")
        {
            string? line;
            while ((line = Console.In.ReadLine()) is not null)
            {
                var found = Compile(JsonSerializer.Deserialize<string[]>(line) ?? Array.Empty<string>());
                Console.WriteLine(JsonSerializer.Serialize(new { ok = found.Count == 0, diagnostics = found }));
                Console.Out.Flush();
            }
            return 0;
        }
        var diagnostics = Compile(arguments);
        foreach (var text in diagnostics) Console.WriteLine(text);
        return diagnostics.Count == 0 ? 0 : 1;
    }

    private static List<string> Compile(string[] arguments)
    {
        string output = ".", name = "app";
        bool library = false, docs = false, lenient = false;
        List<string> references = new(), symbols = new() { "NETCOREAPP3_1" }, files = new();
        for (var at = 0; at < arguments.Length; at++)
        {
            switch (arguments[at])
            {
                case "--library": library = true; break;
                case "--docs": docs = true; break;
                case "--lenient": lenient = true; break;
                case "--out": output = arguments[++at]; break;
                case "--name": name = arguments[++at]; break;
                case "--reference": references.Add(arguments[++at]); break;
                case "--define": symbols.Add(arguments[++at]); break;
                case var option when option.StartsWith("--", StringComparison.Ordinal):
                    return new() { $"error: unknown option {option}" };
                default: files.Add(arguments[at]); break;
            }
        }
        if (files.Count == 0) return new() { "error: no file to compile" };
        var parse = new CSharpParseOptions(
            LanguageVersion.CSharp10, docs ? DocumentationMode.Diagnose : DocumentationMode.Parse,
            preprocessorSymbols: symbols);
        var trees = files.Select(file => CSharpSyntaxTree.ParseText(
            SourceText.From(File.ReadAllText(file), Encoding.UTF8), parse, file));
        var options = new CSharpCompilationOptions(
            library ? OutputKind.DynamicallyLinkedLibrary : OutputKind.ConsoleApplication,
            optimizationLevel: OptimizationLevel.Release, deterministic: true, allowUnsafe: true,
            nullableContextOptions: NullableContextOptions.Enable, concurrentBuild: true,
            warningLevel: 6, generalDiagnosticOption: lenient ? ReportDiagnostic.Suppress : ReportDiagnostic.Error);
        var compilation = CSharpCompilation.Create(
            name, trees, Platform().Concat(references).Select(Reference), options);
        Directory.CreateDirectory(output);
        var path = Path.Combine(output, name + ".dll");
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        var found = result.Diagnostics
            .Where(each => each.Severity == DiagnosticSeverity.Error || (!lenient && each.Severity == DiagnosticSeverity.Warning))
            .Select(each => each.ToString()).ToList();
        if (found.Count > 0 || !result.Success) return found.Count > 0 ? found : new() { "error: nothing was emitted" };
        File.WriteAllBytes(path, image.ToArray());
        if (!library)
        {
            File.WriteAllText(
                Path.Combine(output, name + ".runtimeconfig.json"),
                "{\"runtimeOptions\":{\"tfm\":\"netcoreapp3.1\",\"framework\":"
                + "{\"name\":\"Microsoft.NETCore.App\",\"version\":\"3.1.0\"}}}");
            foreach (var reference in references)
                File.Copy(reference, Path.Combine(output, Path.GetFileName(reference)), overwrite: true);
        }
        return found;
    }

    // The reference assemblies: those of the runtime that programs are run on, not of the compiler's own.
    private static IEnumerable<string> Platform()
    {
        var folder = Environment.GetEnvironmentVariable("CSC_PLATFORM") ?? throw new InvalidOperationException("CSC_PLATFORM is not set");
        return Directory.GetFiles(folder, "*.dll").Where(file =>
        {
            var name = Path.GetFileName(file);
            return name.StartsWith("System.", StringComparison.Ordinal) && !name.Contains(".Native.")
                || name is "netstandard.dll" or "mscorlib.dll" or "Microsoft.CSharp.dll" or "Microsoft.Win32.Primitives.dll";
        });
    }

    private static MetadataReference Reference(string path)
    {
        // A library that was compiled anew has another time.
        var key = path + "@" + File.GetLastWriteTimeUtc(path).Ticks;
        if (!Known.TryGetValue(key, out var reference))
            Known[key] = reference = MetadataReference.CreateFromImage(File.ReadAllBytes(path), filePath: path);
        return reference;
    }
}
