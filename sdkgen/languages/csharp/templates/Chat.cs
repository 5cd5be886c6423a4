// One answer, and what it cost.
namespace Examples;

using System;
using System.Threading.Tasks;
using $namespace;

public static class Chat
{
    public static async Task Main()
    {
        using var client = new GatewayClient();
        var answer = await client.Chat.Completions.CreateAsync(new()
        {
            Model = "gpt-4o-mini",
            Messages = new IChatMessage[] { new ChatUserMessage { Content = "Say hello." } },
        });
        Console.WriteLine(answer.Choices[0].Message.Content);
        Console.WriteLine("cost: " + (answer.Gateway?.Cost is { } cost ? cost.ToString() : "not known"));
    }
}
