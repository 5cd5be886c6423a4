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
public class ConnectionException : GatewayException
{
    /// <summary>With a message and a cause.</summary>
    public ConnectionException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
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
public sealed class GatewayTimeoutException : ConnectionException
{
    /// <summary>With the wait that was too long.</summary>
    public GatewayTimeoutException(TimeoutPhase phase, TimeSpan limit, Exception? cause = null)
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
}

/// <summary>An answer is not what the API's document says.</summary>
public sealed class DecodingException : GatewayException
{
    /// <summary>With a message and a cause.</summary>
    public DecodingException(string message, Exception? cause = null)
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
    }

    /// <summary>HTTP status; 200 for an error within a stream.</summary>
    public int Status { get; }

    /// <summary>The stable word to program against, for example <c>budget_exceeded</c>; empty when none was sent.</summary>
    public string Code { get; }

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

    /// <summary>Where the gateway explains the code.</summary>
    public string? DocumentationUrl { get; init; }

    /// <summary>The error of a status and code.</summary>
    internal static ApiException Of(ErrorBody body, GatewayInfo gateway, string? documentation) => (body.Status, body.Code) switch
    {
        (402, _) => new BudgetExceededException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (429, "budget_reserved") => new BudgetReservedException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (429, _) => new RateLimitedException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (401, _) => new AuthenticationException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (403, "guardrail_blocked") => new GuardrailBlockedException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (403, _) => new PermissionDeniedException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (404, "model_not_found") => new ModelNotFoundException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (404, _) => new NotFoundException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (409, _) => new ConflictException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (413, _) => new RequestTooLargeException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (422, _) => new UnprocessableException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (502 or 504, _) => new UpstreamException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (503, _) => new UnavailableException(body) { Gateway = gateway, DocumentationUrl = documentation },
        ( >= 500, _) => new ServerException(body) { Gateway = gateway, DocumentationUrl = documentation },
        ( >= 400, _) => new BadRequestException(body) { Gateway = gateway, DocumentationUrl = documentation },
        (_, "upstream_error" or "upstream_timeout" or "stream_interrupted") =>
            new UpstreamException(body) { Gateway = gateway, DocumentationUrl = documentation },
        _ => new ApiException(body) { Gateway = gateway, DocumentationUrl = documentation },
    };
}

/// <summary>400 and other refusals of what was sent.</summary>
public sealed class BadRequestException : ApiException
{
    internal BadRequestException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>401: no key, or one that is mistyped, expired or revoked.</summary>
public sealed class AuthenticationException : ApiException
{
    internal AuthenticationException(ErrorBody body)
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

/// <summary>403 <c>guardrail_blocked</c>: a guardrail blocks what was sent or what came back.</summary>
public sealed class GuardrailBlockedException : PermissionDeniedException
{
    internal GuardrailBlockedException(ErrorBody body)
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

/// <summary>404 <c>model_not_found</c>: no such model or route.</summary>
public sealed class ModelNotFoundException : NotFoundException
{
    internal ModelNotFoundException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>409: it contradicts what is there.</summary>
public sealed class ConflictException : ApiException
{
    internal ConflictException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>413: the body is too large.</summary>
public sealed class RequestTooLargeException : ApiException
{
    internal RequestTooLargeException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>422: for example an idempotency key of another call.</summary>
public sealed class UnprocessableException : ApiException
{
    internal UnprocessableException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>429: a rate limit is used up; the retries were as well.</summary>
public class RateLimitedException : ApiException
{
    internal RateLimitedException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>429 <c>budget_reserved</c>: running calls hold the rest of the budget.</summary>
public sealed class BudgetReservedException : RateLimitedException
{
    internal BudgetReservedException(ErrorBody body)
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

/// <summary>502 and 504, or the same within a stream: the provider failed.</summary>
public sealed class UpstreamException : ServerException
{
    internal UpstreamException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>503: the gateway or every target of the route is unavailable for a moment.</summary>
public sealed class UnavailableException : ServerException
{
    internal UnavailableException(ErrorBody body)
        : base(body)
    {
    }
}

/// <summary>402: a hard budget is used up. It is never sent again by itself.</summary>
public sealed class BudgetExceededException : ApiException
{
    internal BudgetExceededException(ErrorBody body)
        : base(body)
    {
        BudgetId = body.BudgetId;
        ResetsAt = body.BudgetResetsAt;
    }

    /// <summary>Id of the budget that binds.</summary>
    public string? BudgetId { get; }

    /// <summary>When it begins anew.</summary>
    public DateTimeOffset? ResetsAt { get; }
}

/// <summary>What an error's answer says, in OpenAI's format, Anthropic's, or as problem details (RFC 9457).</summary>
internal sealed class ErrorBody
{
    public int Status { get; private set; }

    public string Code { get; private set; } = "";

    public string? Type { get; private set; }

    public string? Param { get; private set; }

    public string Text { get; private set; } = "";

    public string Raw { get; private set; } = "";

    public TimeSpan? RetryAfter { get; private set; }

    public string? BudgetId { get; private set; }

    public DateTimeOffset? BudgetResetsAt { get; private set; }

    public IReadOnlyList<FieldError> Errors { get; private set; } = Array.Empty<FieldError>();

    public static ErrorBody Of(HttpResponseMessage response, byte[] bytes, DateTimeOffset now)
    {
        var body = Of((int)response.StatusCode, bytes);
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
        if (body.Text.Length == 0) body.Text = $"The gateway answered with status {status}.";
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
            Code = String(error, "code") ?? "";
            return;
        }
        Text = String(root, "detail") ?? String(root, "message") ?? "";
        Type = String(root, "type");
        Param = String(root, "param");
        Code = String(root, "code") ?? "";
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
