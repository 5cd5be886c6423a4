namespace LlmGateway;

/// <summary>What the generator knows of this release.</summary>
internal static class Defaults
{
    public const string Version = "0.0.0";
    public const string SpecSha = "000000000000";
    public const string BaseUrl = "http://127.0.0.1:8000";
}
