// A streamed answer, by the SDK.
using System;
using System.Threading.Tasks;
using LlmGateway;

public static class Client
{
    public static async Task Main(string[] arguments)
    {
        using var client = new GatewayClient();
        try
        {
            await using var stream = await client.Chat.Completions.CreateStreamAsync(new()
            {
                Model = arguments[0],
                Messages = new IChatMessage[] { new ChatUserMessage { Content = "Count to ten." } },
            });
            await foreach (var chunk in stream)
            {
                foreach (var choice in chunk.Choices) Console.Write(choice.Delta.Content);
            }
            Console.WriteLine();
            Console.WriteLine($"cost {stream.Gateway.CostText}, request {stream.Gateway.RequestId}");
        }
        catch (ApiException error)
        {
            Console.WriteLine($"{error.Status} {error.Code}, request {error.RequestId}");
        }
    }
}
