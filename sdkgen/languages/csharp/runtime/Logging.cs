namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Net.Http;

/// <summary>A request that was sent, or what came of it.</summary>
/// <param name="Message">The event in words.</param>
/// <param name="Method">The request's method.</param>
/// <param name="Url">Its address, without the values of secret-looking query parameters.</param>
/// <param name="Status">The answer's status; null when none came.</param>
/// <param name="Attempt">0 for the first time it is sent.</param>
/// <param name="Elapsed">Time since it was sent.</param>
/// <param name="RequestId">The gateway's id of the request.</param>
/// <param name="Headers">The request's headers, secrets replaced by <c>***</c>.</param>
public sealed record LogEntry(
    string Message,
    string Method,
    string Url,
    int? Status,
    int Attempt,
    TimeSpan Elapsed,
    string? RequestId,
    IReadOnlyDictionary<string, string> Headers);

internal static class Redaction
{
    public const string Mark = "***";

    private static readonly string[] Words = { "authorization", "api-key", "apikey", "token", "secret", "cookie", "password" };

    public static bool IsSecret(string name)
    {
        foreach (var word in Words)
        {
            if (name.IndexOf(word, StringComparison.OrdinalIgnoreCase) >= 0) return true;
        }
        return false;
    }

    public static IReadOnlyDictionary<string, string> Headers(HttpRequestMessage request)
    {
        var kept = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var header in request.Headers) kept[header.Key] = IsSecret(header.Key) ? Mark : string.Join(", ", header.Value);
        return kept;
    }

    public static string Url(Uri url)
    {
        var query = url.Query;
        if (query.Length < 2) return url.GetLeftPart(UriPartial.Path);
        var parts = query.Substring(1).Split('&');
        for (var at = 0; at < parts.Length; at++)
        {
            var name = parts[at].Split('=')[0];
            if (IsSecret(Uri.UnescapeDataString(name))) parts[at] = name + "=" + Mark;
        }
        return url.GetLeftPart(UriPartial.Path) + "?" + string.Join("&", parts);
    }
}
