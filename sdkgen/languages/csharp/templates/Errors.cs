// What can go wrong, each as a type of its own.
namespace Examples;

using System;
using System.Threading.Tasks;
using $namespace;

public static class Errors
{
    public static async Task Main()
    {
        using var client = new GatewayClient();
        try
        {
            await client.Chat.Completions.CreateAsync(new()
            {
                Model = "no-such-model",
                Messages = new IChatMessage[] { new ChatUserMessage { Content = "Hello?" } },
            });
        }
        catch (ModelNotFoundException error)
        {
            Console.WriteLine(error.Status + " " + error.Code + ", request " + error.RequestId);
        }
        catch (BudgetExceededException error)
        {
            Console.WriteLine("The budget " + error.BudgetId + " begins anew at " + error.BudgetResetsAt);
        }
        catch (RateLimitedException error)
        {
            Console.WriteLine("Wait " + error.RetryAfter);
        }
        catch (ConnectionFailedException error)
        {
            Console.WriteLine("No connection: " + error.Message);
        }
    }
}
