// A streamed answer, by the base class library.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

/// <summary>An answer of another status than 2xx.</summary>
public sealed class ApiException : Exception
{
    public ApiException(HttpResponseMessage response, string? code, string message)
        : base(message)
    {
        Status = (int)response.StatusCode;
        Code = code;
        RequestId = Raw.Header(response, "x-request-id");
    }

    public int Status { get; }

    public string? Code { get; }

    public string? RequestId { get; }

    public static ApiException Of(HttpResponseMessage response, string content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            var error = document.RootElement.GetProperty("error");
            var code = error.TryGetProperty("code", out var said) ? said.GetString() : null;
            return new ApiException(response, code, error.GetProperty("message").GetString() ?? content);
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new ApiException(response, null, content);
        }
    }
}

public static class Raw
{
    private const int MostRepeats = 2;
    private static readonly int[] Repeatable = { 408, 429, 500, 502, 503, 504, 529 };
    private static readonly Random Chance = new();

    public static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.First() : null;

    public static async Task Main(string[] arguments)
    {
        using var client = new HttpClient { BaseAddress = new Uri(Environment.GetEnvironmentVariable("GATEWAY_BASE_URL")!) };
        client.DefaultRequestHeaders.Add("Authorization", "Bearer " + Environment.GetEnvironmentVariable("GATEWAY_API_KEY"));
        var body = JsonSerializer.Serialize(new
        {
            model = arguments[0],
            messages = new[] { new { role = "user", content = "Count to ten." } },
            stream = true,
        });
        try
        {
            using var response = await AskAsync(client, body);
            var cost = await ShowAsync(response);
            Console.WriteLine();
            Console.WriteLine($"cost {cost}, request {Header(response, "x-request-id")}");
        }
        catch (ApiException error)
        {
            Console.WriteLine($"{error.Status} {error.Code}, request {error.RequestId}");
        }
    }

    // A repeat has the key of the first try, and so is billed once.
    private static async Task<HttpResponseMessage> AskAsync(HttpClient client, string body)
    {
        var key = Guid.NewGuid().ToString();
        for (var repeats = 0; ; repeats++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions");
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            request.Headers.Add("Idempotency-Key", key);
            TimeSpan? asked = null;
            try
            {
                var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                if (response.IsSuccessStatusCode) return response;
                using (response)
                {
                    if (!Repeatable.Contains((int)response.StatusCode) || repeats == MostRepeats)
                    {
                        throw ApiException.Of(response, await response.Content.ReadAsStringAsync());
                    }
                    asked = response.Headers.RetryAfter?.Delta;
                }
            }
            catch (HttpRequestException) when (repeats < MostRepeats)
            {
                // no answer: it is asked again
            }
            await Task.Delay(asked ?? Pause(repeats));
        }
    }

    private static TimeSpan Pause(int repeats) =>
        TimeSpan.FromSeconds(Math.Min(8, 0.5 * Math.Pow(2, repeats)) * (1 - (0.25 * Chance.NextDouble())));

    /// <summary>Comments and data of server-sent events.</summary>
    private static async IAsyncEnumerable<(bool IsComment, string Text)> EventsAsync(StreamReader reader)
    {
        var data = new List<string>();
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(':'))
            {
                yield return (true, line.Substring(1).Trim());
            }
            else if (line.StartsWith("data:", StringComparison.Ordinal))
            {
                data.Add(line.Substring(line.StartsWith("data: ", StringComparison.Ordinal) ? 6 : 5));
            }
            else if (line.Length == 0 && data.Count > 0)
            {
                yield return (false, string.Join("\n", data));
                data.Clear();
            }
        }
    }

    // Prints the texts; what it cost, when a price is known.
    private static async Task<string?> ShowAsync(HttpResponseMessage response)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        string? cost = null;
        var isDone = false;
        await foreach (var (isComment, text) in EventsAsync(reader))
        {
            if (isComment)
            {
                if (!text.StartsWith("gateway ", StringComparison.Ordinal)) continue;
                using var meta = JsonDocument.Parse(text.Substring("gateway ".Length));
                cost = meta.RootElement.GetProperty("cost").GetString();
            }
            else if (text == "[DONE]")
            {
                isDone = true;
            }
            else
            {
                using var chunk = JsonDocument.Parse(text);
                if (chunk.RootElement.TryGetProperty("error", out _)) throw ApiException.Of(response, text);
                foreach (var choice in chunk.RootElement.GetProperty("choices").EnumerateArray())
                {
                    var delta = choice.GetProperty("delta");
                    if (delta.TryGetProperty("content", out var content)) Console.Write(content.GetString());
                }
            }
        }
        if (!isDone) throw new IOException("the connection ended before the answer did");
        return cost;
    }
}
