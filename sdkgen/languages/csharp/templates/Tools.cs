// A tool that the model may call, its call, and the answer with its result.
namespace Examples;

using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using $namespace;

public static class Tools
{
    public static async Task Main()
    {
        using var client = new GatewayClient();
        var messages = new List<IChatMessage> { new ChatUserMessage { Content = "What is the weather in Paris?" } };
        var weather = new ChatTool
        {
            Function = new()
            {
                Name = "get_weather",
                Parameters = new Dictionary<string, AnyJson>
                {
                    ["type"] = "object",
                    ["properties"] = AnyJson.Of(new { city = new { type = "string" } }),
                },
            },
        };
        var first = await client.Chat.Completions.CreateAsync(new()
        {
            Model = "gpt-4o-mini", Messages = messages, Tools = new[] { weather }, ToolChoice = ChatToolMode.Required,
        });
        var said = first.Choices[0].Message;
        messages.Add(new ChatAssistantMessage { ToolCalls = said.ToolCalls });
        foreach (var call in said.ToolCalls ?? Array.Empty<ChatToolCall>())
        {
            Console.WriteLine(call.Function.Name + " " + call.Function.Arguments);
            messages.Add(new ChatToolMessage { ToolCallId = call.Id, Content = "18 degrees, sunny" });
        }
        var last = await client.Chat.Completions.CreateAsync(new() { Model = "gpt-4o-mini", Messages = messages });
        Console.WriteLine(last.Choices[0].Message.Content);
    }
}
