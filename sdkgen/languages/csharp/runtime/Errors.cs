namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Net.Http;
using System.Text;
using System.Text.Json;

/// <summary>Anything that goes wrong in a call.</summary>
public class GatewayException : Exception
{
    /// <summary>With a message and a cause.</summary>
    public GatewayException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }

    /// <summary>What the gateway said beside the failure, as far as it answered.</summary>
    public GatewayInfo? Gateway { get; init; }

    /// <summary>Id of the request, for a support question.</summary>
    public string? RequestId => Gateway?.RequestId;
}

/// <summary>The client cannot be made, or a call cannot be built, from what was given.</summary>
public sealed class ConfigurationException : GatewayException
{
    /// <summary>With a message.</summary>
    public ConfigurationException(string message)
        : base(message)
    {
    }
}

/// <summary>The gateway could not be reached, or the connection was lost.</summary>
public class ConnectionFailedException : GatewayException
{
    /// <summary>With a message and a cause.</summary>
    public ConnectionFailedException(string message, Exception? cause = null)
        : base(message, cause) => WasSent = cause is null || !Retry.WasNotSent(cause);

    /// <summary>Whether the gateway may have seen the request.</summary>
    public bool WasSent { get; }
}

/// <summary>Which wait of a call took too long.</summary>
public enum TimeoutPhase
{
    /// <summary>Until the answer began.</summary>
    FirstByte,

    /// <summary>Silence within the answer.</summary>
    Idle,

    /// <summary>The whole call.</summary>
    Total,
}

/// <summary>A call took too long.</summary>
public sealed class TimedOutException : ConnectionFailedException
{
    /// <summary>With the wait that was too long.</summary>
    public TimedOutException(TimeoutPhase phase, TimeSpan limit, Exception? cause = null)
        : base($"The gateway did not answer in time ({phase}, {limit.TotalSeconds:0.###} s).", cause)
    {
        Phase = phase;
        Limit = limit;
    }

    /// <summary>The wait that was too long.</summary>
    public TimeoutPhase Phase { get; }

    /// <summary>How long it might have taken.</summary>
    public TimeSpan Limit { get; }
}

/// <summary>A stream ended before its end. What arrived was handed out already, and is billed.</summary>
public sealed class StreamInterruptedException : GatewayException
{
    /// <summary>With a message, how many events had come, and a cause.</summary>
    public StreamInterruptedException(string message, int received, Exception? cause = null)
        : base(message, cause) => Received = received;

    /// <summary>How many events had come.</summary>
    public int Received { get; }

    /// <summary>The gateway's word when it said why; null when the connection broke.</summary>
    public string? Code { get; init; }

    /// <summary>The whole answer as far as it had come; null where the events do not add up to one.</summary>
    public JsonElement? Partial { get; init; }
}

/// <summary>An answer is not what the API's document says.</summary>
public sealed class DecodeException : GatewayException
{
    /// <summary>With a message and a cause.</summary>
    public DecodeException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}

/// <summary>One input that the gateway refuses.</summary>
/// <param name="Field">A dotted path, empty for the whole.</param>
/// <param name="Code">What is wrong with it, as a stable word.</param>
/// <param name="Message">The same in words.</param>
public sealed record FieldError(string Field, string Code, string Message);

/// <summary>The gateway answered with an error.</summary>
public class ApiException : GatewayException
{
    internal ApiException(ErrorBody body)
        : base(body.Text)
    {
        Status = body.Status;
        Code = body.Code;
        Type = body.Type;
        Param = body.Param;
        Errors = body.Errors;
        Body = body.Raw;
        RetryAfter = body.RetryAfter;
        BudgetId = body.BudgetId;
        BudgetResetsAt = body.BudgetResetsAt;
        DocumentationUrl = body.DocumentationUrl;
        Gateway = body.Gateway;
    }

    /// <summary>HTTP status; 200 for an error within a stream.</summary>
    public int Status { get; }

    /// <summary>The stable word to program against, for example <c>budget_exceeded</c>; null when none was sent.</summary>
    public string? Code { get; }

    /// <summary>The vendor's kind of error, for example <c>invalid_request_error</c>.</summary>
    public string? Type { get; }

    /// <summary>The field that is at fault.</summary>
    public string? Param { get; }

    /// <summary>Every input that is at fault (management API).</summary>
    public IReadOnlyList<FieldError> Errors { get; }

    /// <summary>The answer as it came.</summary>
    public string Body { get; }

    /// <summary>How long the gateway asks to wait.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Where a page explains the code; null when the package was made without one.</summary>
    public string? DocumentationUrl { get; }

    /// <summary>Id of the budget that binds.</summary>
    public string? BudgetId { get; }

    /// <summary>When that budget begins anew.</summary>
    public DateTimeOffset? BudgetResetsAt { get; }

    /// <summary>The error of a code that has a class of its own, else of a status.</summary>
    internal static ApiException Of(ErrorBody body) => ErrorCodes.Of(body) ?? body.Status switch
    {
        401 => new AuthenticationFailedException(body),
        402 => new PaymentRequiredException(body),
        403 => new PermissionDeniedException(body),
        404 => new NotFoundException(body),
        409 => new ConflictException(body),
        422 => new UnprocessableException(body),
        429 => new RateLimitedException(body),
        >= 500 => new ServerException(body),
        _ => new BadRequestException(body),
    };
}

/// <summary>400 and other refusals of what was sent.</summary>
public class BadRequestException : ApiException
{
    internal BadRequestException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>401: no key, or one that is mistyped, expired or revoked.</summary>
public class AuthenticationFailedException : ApiException
{
    internal AuthenticationFailedException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>402: a budget is used up. It is never sent again by itself.</summary>
public class PaymentRequiredException : ApiException
{
    internal PaymentRequiredException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>403: the key may not do this.</summary>
public class PermissionDeniedException : ApiException
{
    internal PermissionDeniedException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>404: there is nothing here, or not for this key.</summary>
public class NotFoundException : ApiException
{
    internal NotFoundException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>409: it contradicts what is there.</summary>
public class ConflictException : ApiException
{
    internal ConflictException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>422: for example an idempotency key of another call.</summary>
public class UnprocessableException : ApiException
{
    internal UnprocessableException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>429: a limit is used up, and the retries were as well.</summary>
public class RateLimitedException : ApiException
{
    internal RateLimitedException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>500 and above.</summary>
public class ServerException : ApiException
{
    internal ServerException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>What an error's answer says, in OpenAI's format, Anthropic's, or as problem details (RFC 9457).</summary>
internal sealed class ErrorBody
{
    public int Status { get; private set; }

    public string? Code { get; private set; }

    public string? Type { get; private set; }

    public string? Param { get; private set; }

    public string Text { get; private set; } = "";

    public string Raw { get; private set; } = "";

    public TimeSpan? RetryAfter { get; private set; }

    public string? BudgetId { get; private set; }

    public DateTimeOffset? BudgetResetsAt { get; private set; }

    public IReadOnlyList<FieldError> Errors { get; private set; } = Array.Empty<FieldError>();

    public string? DocumentationUrl { get; private set; }

    public GatewayInfo? Gateway { get; private set; }

    public static ErrorBody Of(HttpResponseMessage response, byte[] bytes, GatewayInfo gateway, DateTimeOffset now)
    {
        var body = Of((int)response.StatusCode, bytes);
        body.Gateway = gateway;
        body.DocumentationUrl = Configuration.Documentation(Defaults.DocsUrl, body.Code);
        body.RetryAfter = Retry.Asked(response, now);
        body.BudgetId = GatewayInfo.Header(response, "X-Gateway-Budget");
        if (DateTimeOffset.TryParse(
            GatewayInfo.Header(response, "X-Gateway-Budget-Resets-At"), System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.AssumeUniversal, out var resets))
        {
            body.BudgetResetsAt = resets;
        }
        return body;
    }

    public static ErrorBody Of(int status, byte[] bytes)
    {
        var body = new ErrorBody { Status = status, Raw = Encoding.UTF8.GetString(bytes, 0, bytes.Length) };
        try
        {
            using var document = JsonDocument.Parse(bytes);
            body.Read(document.RootElement);
        }
        catch (JsonException)
        {
            // A proxy's page, or nothing: the status has to do.
        }
        if (body.Text.Length == 0) body.Text = body.Raw.Length > 0 ? body.Raw.Substring(0, Math.Min(body.Raw.Length, 500)) : "no message";
        return body;
    }

    public void Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) return;
        if (root.TryGetProperty("error", out var error))
        {
            if (error.ValueKind == JsonValueKind.String) Text = error.GetString()!;
            if (error.ValueKind != JsonValueKind.Object) return;
            Text = String(error, "message") ?? "";
            Type = String(error, "type");
            Param = String(error, "param");
            Code = String(error, "code");
            return;
        }
        Text = String(root, "detail") ?? String(root, "message") ?? String(root, "title") ?? "";
        Type = String(root, "type");
        Param = String(root, "param");
        Code = String(root, "code");
        if (!root.TryGetProperty("errors", out var faults) || faults.ValueKind != JsonValueKind.Array) return;
        var found = new List<FieldError>();
        foreach (var each in faults.EnumerateArray())
        {
            if (each.ValueKind == JsonValueKind.Object)
                found.Add(new(String(each, "field") ?? "", String(each, "code") ?? "", String(each, "message") ?? ""));
        }
        Errors = found;
    }

    private static string? String(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
