namespace LlmGateway;

/// <summary>Errors that have a class of their own; the generator writes this file from the API's document.</summary>
internal static class ErrorCodes
{
    public static ApiException? Of(ErrorBody body)
    {
        _ = body;
        return null;
    }
}
