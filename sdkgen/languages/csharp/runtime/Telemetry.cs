namespace LlmGateway;

using System;
using System.Runtime.InteropServices;

/// <summary>The one header that says which library calls. It names versions, never a person, machine or content.</summary>
internal static class Telemetry
{
    public static readonly string Header =
        $"csharp/{Defaults.Version}; rt=dotnet-{Environment.Version.Major}.{Environment.Version.Minor}; os={System()}; spec={Defaults.SpecSha}";

    public static readonly string UserAgent = $"llm-gateway-csharp/{Defaults.Version}";

    private static string System() =>
        RuntimeInformation.IsOSPlatform(OSPlatform.Linux) ? "linux"
        : RuntimeInformation.IsOSPlatform(OSPlatform.OSX) ? "macos"
        : RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "windows" : "other";
}
