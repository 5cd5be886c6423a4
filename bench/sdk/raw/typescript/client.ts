// A streamed answer, by the SDK.
import { ApiError, Gateway } from 'llm-gateway';

const client = new Gateway();
try {
  const stream = await client.chat.completions.stream({
    model: process.argv[2] ?? 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Count to ten.' }],
  });
  for await (const chunk of stream) {
    for (const choice of chunk.choices) process.stdout.write(choice.delta.content ?? '');
  }
  console.log();
  console.log(`cost ${stream.gateway.cost}, request ${stream.gateway.requestId}`);
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  console.log(`${error.status} ${error.code}, request ${error.requestId}`);
}
