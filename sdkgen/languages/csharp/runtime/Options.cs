namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

/// <summary>How long a call may take; null waits without end.</summary>
public sealed record Timeouts
{
    /// <summary>Until a connection stands (on .NET Core and later).</summary>
    public TimeSpan? Connect { get; init; } = TimeSpan.FromSeconds(Defaults.ConnectSeconds);

    /// <summary>From sending a request until its answer begins.</summary>
    public TimeSpan? FirstByte { get; init; } = TimeSpan.FromSeconds(Defaults.FirstByteSeconds);

    /// <summary>Silence within an answer.</summary>
    public TimeSpan? Idle { get; init; } = TimeSpan.FromSeconds(Defaults.IdleSeconds);

    /// <summary>The whole call, its retries and waits included, until a whole answer is there. A stream has no limit in
    /// total once it has begun.</summary>
    public TimeSpan? Total { get; init; } = TimeSpan.FromSeconds(Defaults.TotalSeconds);
}

/// <summary>How a client reaches the gateway. What is not stated comes from the environment.</summary>
public sealed record ClientOptions
{
    /// <summary>A virtual key, which calls models; else <c>GATEWAY_API_KEY</c>.</summary>
    public string? ApiKey { get; init; }

    /// <summary>A key of the management API; else <c>GATEWAY_MANAGEMENT_KEY</c>.</summary>
    public string? ManagementKey { get; init; }

    /// <summary>The organization, for a management key that belongs to several; else <c>GATEWAY_ORGANIZATION</c>.</summary>
    public string? Organization { get; init; }

    /// <summary>Where the gateway is, without <c>/v1</c>; else <c>GATEWAY_BASE_URL</c>.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>How long calls may take.</summary>
    public Timeouts Timeouts { get; init; } = new();

    /// <summary>How often a request that may be repeated is sent again.</summary>
    public int MaxRetries { get; init; } = Defaults.MaxRetries;

    /// <summary>A server that asks to wait longer is not waited for: the error says how long.</summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Sent with every request.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = Defaults.Headers;

    /// <summary>Whether <c>X-Gateway-SDK</c> tells the gateway which version of this library calls; else not
    /// <c>GATEWAY_SDK_TELEMETRY=0</c>.</summary>
    public bool? Telemetry { get; init; }

    /// <summary>A proxy for every request; else the system's.</summary>
    public IWebProxy? Proxy { get; init; }

    /// <summary>Takes the place of the network: custom TLS, tests. It stays the caller's to dispose.</summary>
    public HttpMessageHandler? Handler { get; init; }

    /// <summary>Is told of every request and answer, without secrets.</summary>
    public Action<LogEntry>? Log { get; init; }

    // Seams of the runtime's own tests.
    internal Func<TimeSpan, CancellationToken, Task> Wait { get; init; } = Task.Delay;

    internal Func<double> Jitter { get; init; } = Retry.Random;

    /// <summary>Names no secret.</summary>
    public override string ToString() => $"{nameof(ClientOptions)} {{ BaseUrl = {BaseUrl}, MaxRetries = {MaxRetries} }}";
}

/// <summary>What one call does otherwise than its client.</summary>
public sealed record RequestOptions
{
    /// <summary>How long the call may take.</summary>
    public Timeouts? Timeouts { get; init; }

    /// <summary>How often it is sent again.</summary>
    public int? MaxRetries { get; init; }

    /// <summary>Added to the client's headers, or in their place.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Added to the query.</summary>
    public IReadOnlyDictionary<string, string>? Query { get; init; }

    /// <summary>Makes the call once however often it is sent; a key is made for calls that the gateway bills.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Whose call it is, for the ledger (<c>X-Gateway-End-User</c>).</summary>
    public string? EndUser { get; init; }

    /// <summary>What the response cache may do (<c>X-Gateway-Cache</c>): <c>no-cache</c>, <c>no-store</c>, <c>max-age=N</c>.</summary>
    public string? Cache { get; init; }

    /// <summary>A routing strategy for this call (<c>X-Gateway-Route</c>).</summary>
    public string? Route { get; init; }

    /// <summary>The organization, where the key belongs to several.</summary>
    public string? Organization { get; init; }

    /// <summary>Labels of the ledger's line (<c>X-Gateway-Tags</c>).</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}
