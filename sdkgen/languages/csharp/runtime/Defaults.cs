namespace LlmGateway;

using System.Collections.Generic;

/// <summary>What the generator knows of this release.</summary>
internal static class Defaults
{
    public const string Version = "0.0.0";
    public const string SpecSha = "000000000000";
    public const string BaseUrl = "http://127.0.0.1:8000";
    public const string DocsUrl = "";
    public const double ConnectSeconds = 5;
    public const double FirstByteSeconds = 120;
    public const double IdleSeconds = 60;
    public const double TotalSeconds = 600;
    public const int MaxRetries = 2;

    public static readonly IReadOnlyDictionary<string, string> Headers = new Dictionary<string, string>();
}
