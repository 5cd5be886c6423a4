namespace LlmGateway;

using System;

/// <summary>What a client is made from: its options, then the environment.</summary>
internal static class Configuration
{
    public const string AddressVariable = "GATEWAY_BASE_URL";

    /// <summary>Refuses what no call could be made with, before one is.</summary>
    public static void Check(ClientOptions options)
    {
        if (Given(options, KeyKind.Virtual) is null && Given(options, KeyKind.Management) is null)
            throw Missing(KeyKind.Virtual);
    }

    public static string Key(ClientOptions options, KeyKind kind) => Given(options, kind) ?? throw Missing(kind);

    public static string? Organization(ClientOptions options) =>
        options.Organization ?? Said("GATEWAY_ORGANIZATION");

    private static string? Given(ClientOptions options, KeyKind kind)
    {
        var key = kind == KeyKind.Management
            ? options.ManagementKey ?? Said("GATEWAY_MANAGEMENT_KEY") : options.ApiKey ?? Said("GATEWAY_API_KEY");
        if (string.IsNullOrWhiteSpace(key)) return null;
        foreach (var each in key!)
        {
            if (each <= ' ' || each > '~') throw new ConfigurationException("The key holds blanks or characters beyond ASCII.");
        }
        return key;
    }

    private static ConfigurationException Missing(KeyKind kind) => new(
        kind == KeyKind.Management ? "This call needs a key: ClientOptions.ManagementKey or GATEWAY_MANAGEMENT_KEY."
            : "A key is needed: ClientOptions.ApiKey or GATEWAY_API_KEY.");

    private static string? Said(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    public static string Root(ClientOptions options)
    {
        var address = options.BaseUrl ?? Said(AddressVariable) ?? Defaults.BaseUrl;
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || (url.Scheme != "http" && url.Scheme != "https"))
            throw new ConfigurationException($"The address must be an http or https URL: ClientOptions.BaseUrl or {AddressVariable}.");
        if (url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
            throw new ConfigurationException("The address may hold no query, fragment or credentials.");
        var root = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return root.EndsWith("/v1", StringComparison.Ordinal) ? root.Substring(0, root.Length - "/v1".Length) : root;
    }

    public static bool SendsTelemetry(ClientOptions options) =>
        options.Telemetry ?? Said("GATEWAY_SDK_TELEMETRY") is not ("0" or "false" or "off");

    /// <summary>A part of a path. One that would lead elsewhere is refused.</summary>
    public static string Part(string text) =>
        text is "" or "." or ".." ? throw new ConfigurationException($"A part of the path must not be '{text}'.")
            : Uri.EscapeDataString(text);

    /// <summary>Where a page explains an error's code; null when the package was made without one.</summary>
    public static string? Documentation(string page, string? code) =>
        page.Length == 0 || code is null ? null : $"{page}#{Uri.EscapeDataString(code)}";
}
