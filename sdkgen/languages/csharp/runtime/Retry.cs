namespace LlmGateway;

using System;
using System.Globalization;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;

/// <summary>When a request is sent again, and after which wait.</summary>
internal static class Retry
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);

    [ThreadStatic]
    private static Random? _random;

    public static double Random() => (_random ??= new Random(Guid.NewGuid().GetHashCode())).NextDouble();

    /// <summary>Methods that may be sent twice as they are.</summary>
    public static bool IsSafe(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Put || method == HttpMethod.Delete
        || method == HttpMethod.Options;

    /// <summary>Whether an answer may change when the request is sent again. A refusal for its rate did nothing, so
    /// any request may be; all others only when sending twice makes one call.</summary>
    public static bool IsWorthwhile(HttpResponseMessage response, string? code, bool isRepeatable)
    {
        var status = (int)response.StatusCode;
        if (!isRepeatable && status != 429) return false;
        return GatewayInfo.Header(response, "x-should-retry") switch
        {
            "false" => false,
            "true" => true,
            _ => status is 408 or 429 or 500 or 502 or 503 or 504 or 529 || code == "idempotency_in_flight",
        };
    }

    /// <summary>Whether the gateway cannot have seen the request.</summary>
    public static bool WasNotSent(Exception error)
    {
        for (Exception? each = error; each is not null; each = each.InnerException)
        {
            if (each is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound
                or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.TryAgain or SocketError.NoData })
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>How long to wait before the next time; null when the server asks for too much.</summary>
    public static TimeSpan? Delay(HttpResponseMessage? response, int attempt, ClientOptions options, DateTimeOffset now)
    {
        if (response is not null && Asked(response, now) is { } asked)
            return asked <= options.MaxRetryAfter ? asked : null;
        var seconds = Math.Min(Longest.TotalSeconds, First.TotalSeconds * Math.Pow(2, Math.Min(attempt, 30)));
        return TimeSpan.FromSeconds(seconds * (1 - (0.25 * options.Jitter())));
    }

    internal static TimeSpan? Asked(HttpResponseMessage response, DateTimeOffset now)
    {
        if (Number(GatewayInfo.Header(response, "retry-after-ms")) is { } milliseconds)
            return Seconds(milliseconds / 1000);
        var after = GatewayInfo.Header(response, "Retry-After");
        if (Number(after) is { } seconds) return Seconds(seconds);
        if (DateTimeOffset.TryParseExact(after, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until))
            return until > now ? until - now : TimeSpan.Zero;
        return null;
    }

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number : null;

    private static TimeSpan Seconds(double seconds) =>
        seconds >= TimeSpan.MaxValue.TotalSeconds ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds);
}
