import com.llmgateway.LlmGateway;
import com.llmgateway.errors.ApiException;
import com.llmgateway.models.ChatCompletionRequest;
import com.llmgateway.models.ChatUserMessage;
import java.util.List;

/** A streamed answer, by the SDK. */
final class Client {
    private Client() {
    }

    public static void main(String[] arguments) {
        var request = ChatCompletionRequest.of(List.of(ChatUserMessage.of("Count to ten.")), arguments[0]);
        try (var stream = new LlmGateway().chat().completions().stream(request)) {
            for (var chunk : stream) {
                chunk.choices().forEach(choice -> choice.delta().content().ifPresent(System.out::print));
            }
            System.out.println();
            var meta = stream.gateway();
            System.out.println("cost " + meta.cost().orElse(null) + ", request " + meta.requestId().orElse(null));
        } catch (ApiException error) {
            System.out.println(error.status() + " " + error.code().orElse("") + ", request " + error.requestId());
        }
    }
}
