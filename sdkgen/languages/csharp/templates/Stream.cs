// An answer as it is made; what it cost is known at its end.
namespace Examples;

using System;
using System.Threading.Tasks;
using $namespace;

public static class Stream
{
    public static async Task Main()
    {
        using var client = new GatewayClient();
        await using var stream = await client.Chat.Completions.CreateStreamAsync(new()
        {
            Model = "gpt-4o-mini",
            Messages = new IChatMessage[] { new ChatUserMessage { Content = "Count to ten." } },
        });
        await foreach (var chunk in stream)
        {
            foreach (var choice in chunk.Choices) Console.Write(choice.Delta.Content);
        }
        Console.WriteLine();
        Console.WriteLine("events: " + stream.Received + ", cost: " + (stream.Gateway.Cost is { } cost ? cost.ToString() : "not known"));
    }
}
