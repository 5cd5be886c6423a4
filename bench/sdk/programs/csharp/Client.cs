// The C# SDK against HttpClient and System.Text.Json: `Client.dll ADDRESS` prints JSON.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using LlmGateway;

internal static class Client
{
    private const int Rounds = 7;
    private const int Calls = 400;
    private const int Chunks = 40_000;
    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Say hello.\"}]";

    public static async Task Main(string[] arguments)
    {
        var address = arguments[0];
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "gw-bench");
        using var gateway = new GatewayClient(new ClientOptions { BaseUrl = address, ApiKey = "gw-bench" });
        var wanted = new ChatCompletionRequest { Model = "m", Messages = new IChatMessage[] { new ChatUserMessage { Content = "Say hello." } } };

        async Task<HttpResponseMessage> Post(string body)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, address + "/v1/chat/completions")
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        }

        async Task RawCall()
        {
            using var response = await Post("{\"model\":\"m\"," + Messages + "}");
            using var body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
            Check(body.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString() is { Length: > 0 });
        }

        async Task Call()
        {
            var answer = await gateway.Chat.Completions.CreateAsync(wanted);
            Check(answer.Choices[0].Message.Content is { Length: > 0 });
        }

        async Task RawStream()
        {
            using var response = await Post("{\"model\":\"m\"," + Messages + ",\"stream\":true}");
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
            var seen = 0;
            while (await lines.ReadLineAsync() is { } line)
            {
                if (!line.StartsWith("data: {", StringComparison.Ordinal)) continue;
                using var body = JsonDocument.Parse(line.AsMemory(6));
                if (body.RootElement.GetProperty("choices")[0].GetProperty("delta").GetProperty("content").GetString() is not null) seen++;
            }
            Check(seen == Chunks);
        }

        async Task Stream()
        {
            await using var events = await gateway.Chat.Completions.CreateStreamAsync(wanted);
            var seen = 0;
            await foreach (var each in events)
            {
                if (each.Choices[0].Delta.Content is not null) seen++;
            }
            Check(seen == Chunks);
        }

        var found = Enumerable.Range(0, 4).Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < Rounds + 2; round++)
        {
            var said = new[] { await P50(RawCall), await P50(Call), Chunks / await Seconds(RawStream), Chunks / await Seconds(Stream) };
            for (var i = 0; round > 1 && i < said.Length; i++) found[i].Add(said[i]);
        }
        var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        for (var i = 0; i < Calls; i++) await Call();
        process.Refresh();
        var cpu = (process.TotalProcessorTime - before).TotalMilliseconds * 1000 / Calls;
        var memory = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal));
        var bytes = long.Parse(string.Concat(memory.Where(char.IsDigit)), CultureInfo.InvariantCulture) * 1024;
        Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["runtime"] = ".NET " + Environment.Version,
            ["raw_p50_us"] = Median(found[0]),
            ["sdk_p50_us"] = Median(found[1]),
            ["sdk_cpu_us"] = cpu,
            ["rss_bytes"] = bytes,
            ["raw_chunks_per_s"] = Median(found[2]),
            ["sdk_chunks_per_s"] = Median(found[3]),
        }));
    }

    private static void Check(bool holds)
    {
        if (!holds) throw new InvalidOperationException("not the answer that the server gives");
    }

    private static async Task<double> P50(Func<Task> action)
    {
        var took = new List<double>();
        for (var i = 0; i < Calls; i++) took.Add(await Seconds(action) * 1e6);
        return Median(took);
    }

    private static async Task<double> Seconds(Func<Task> action)
    {
        var clock = Stopwatch.StartNew();
        await action();
        return clock.Elapsed.TotalSeconds;
    }

    private static double Median(List<double> values) => values.OrderBy(value => value).ElementAt(values.Count / 2);
}
