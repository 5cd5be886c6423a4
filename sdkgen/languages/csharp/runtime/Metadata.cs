namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net.Http;

/// <summary>A limit that the gateway counts calls or tokens against.</summary>
/// <param name="Limit">How much the window allows.</param>
/// <param name="Remaining">What is left of it.</param>
/// <param name="ResetsIn">Time until it begins anew.</param>
public sealed record RateLimit(long Limit, long Remaining, TimeSpan? ResetsIn);

/// <summary>What the gateway says about an answer beside the answer.</summary>
public sealed record GatewayInfo
{
    /// <summary>HTTP status.</summary>
    public int Status { get; init; }

    /// <summary>Id of the request, in the gateway's logs and ledger too.</summary>
    public string? RequestId { get; init; }

    /// <summary>Cost of the answering attempt, as a decimal in the price's currency; null while no price is known.
    /// A stream's cost is known at its end.</summary>
    public decimal? Cost { get; init; }

    /// <summary>The cost as the gateway wrote it.</summary>
    public string? CostText { get; init; }

    /// <summary>Slug of the provider that answered.</summary>
    public string? Provider { get; init; }

    /// <summary>Name of the model that answered.</summary>
    public string? Model { get; init; }

    /// <summary>How many providers were tried, this one included.</summary>
    public int? Attempts { get; init; }

    /// <summary><c>hit</c>, <c>miss</c> or <c>bypass</c>.</summary>
    public string? Cache { get; init; }

    /// <summary>Whether the answer is the stored one of an earlier call with the same idempotency key.</summary>
    public bool IsReplay { get; init; }

    /// <summary>How often this client sent the request again.</summary>
    public int Retries { get; init; }

    /// <summary>The limit on requests that is nearest to its end.</summary>
    public RateLimit? RequestLimit { get; init; }

    /// <summary>The limit on tokens that is nearest to its end.</summary>
    public RateLimit? TokenLimit { get; init; }

    internal static GatewayInfo Of(HttpResponseMessage response, int retries) => new()
    {
        RequestId = Header(response, "X-Request-ID"),
        Status = (int)response.StatusCode,
        Cost = Amount(Header(response, "X-Gateway-Cost")),
        CostText = Header(response, "X-Gateway-Cost"),
        Provider = Header(response, "X-Gateway-Provider"),
        Model = Header(response, "X-Gateway-Model"),
        Attempts = Count(Header(response, "X-Gateway-Attempts")) is { } attempts ? (int)attempts : null,
        Cache = Header(response, "X-Gateway-Cache"),
        IsReplay = Header(response, "X-Gateway-Idempotent-Replay") == "true",
        Retries = retries,
        RequestLimit = Limit(response, "requests"),
        TokenLimit = Limit(response, "tokens"),
    };

    internal static string? Header(HttpResponseMessage response, string name)
    {
        if (response.Headers.TryGetValues(name, out IEnumerable<string>? values)
            || (response.Content is not null && response.Content.Headers.TryGetValues(name, out values)))
        {
            foreach (var value in values) return value;
        }
        return null;
    }

    internal static decimal? Amount(string? text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var amount) ? amount : null;

    private static long? Count(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;

    private static RateLimit? Limit(HttpResponseMessage response, string what)
    {
        if (Count(Header(response, "x-ratelimit-limit-" + what)) is not { } limit
            || Count(Header(response, "x-ratelimit-remaining-" + what)) is not { } remaining)
        {
            return null;
        }
        return new RateLimit(limit, remaining, Duration(Header(response, "x-ratelimit-reset-" + what)));
    }

    // Seconds as the gateway writes them ("1.5", "1.5s"), or OpenAI's "6m0s" and "120ms".
    private static TimeSpan? Duration(string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        double total = 0;
        var at = 0;
        while (at < text!.Length)
        {
            var end = at;
            while (end < text.Length && (char.IsDigit(text[end]) || text[end] == '.')) end++;
            if (!double.TryParse(text.Substring(at, end - at), NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                return null;
            var unit = end;
            while (unit < text.Length && char.IsLetter(text[unit])) unit++;
            switch (text.Substring(end, unit - end))
            {
                case "" or "s": total += number; break;
                case "ms": total += number / 1000; break;
                case "m": total += number * 60; break;
                case "h": total += number * 3600; break;
                default: return null;
            }
            at = unit;
        }
        return total <= TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(total) : null;
    }
}
