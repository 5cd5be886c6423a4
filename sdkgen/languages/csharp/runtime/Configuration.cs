namespace LlmGateway;

using System;

/// <summary>What a client is made from: its options, then the environment.</summary>
internal static class Configuration
{
    public const string KeyVariable = "LLM_GATEWAY_API_KEY";
    public const string AddressVariable = "LLM_GATEWAY_BASE_URL";
    public const string TelemetryVariable = "LLM_GATEWAY_TELEMETRY";

    public static string Key(ClientOptions options)
    {
        var key = options.ApiKey ?? Environment.GetEnvironmentVariable(KeyVariable);
        if (string.IsNullOrWhiteSpace(key))
            throw new ConfigurationException($"A key is needed: ClientOptions.ApiKey or {KeyVariable}.");
        foreach (var each in key!)
        {
            if (each <= ' ' || each > '~') throw new ConfigurationException("The key holds blanks or characters beyond ASCII.");
        }
        return key;
    }

    public static string Root(ClientOptions options)
    {
        var address = options.BaseUrl ?? Environment.GetEnvironmentVariable(AddressVariable) ?? Defaults.BaseUrl;
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || (url.Scheme != "http" && url.Scheme != "https"))
            throw new ConfigurationException($"The address must be an http or https URL: ClientOptions.BaseUrl or {AddressVariable}.");
        if (url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
            throw new ConfigurationException("The address may hold no query, fragment or credentials.");
        var root = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return root.EndsWith("/v1", StringComparison.Ordinal) ? root.Substring(0, root.Length - "/v1".Length) : root;
    }

    public static bool SendsTelemetry(ClientOptions options) =>
        options.Telemetry ?? Environment.GetEnvironmentVariable(TelemetryVariable) is not ("0" or "false" or "off");

    public static string Documentation(string root, string code) => $"{root}/docs/errors/#{Uri.EscapeDataString(code)}";
}
