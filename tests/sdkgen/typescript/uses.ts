// What a program that uses the package may write, and (after @ts-expect-error) may not.
import { ApiPromise, Gateway, Stream, UnknownEvent, asUnknown, file } from 'llm-gateway';
import type * as G from 'llm-gateway';
import { fileFromPath, nodeFetch } from 'llm-gateway/node';

const client: Gateway = new Gateway({
  apiKey: async () => 'key',
  fetch: nodeFetch({ proxy: null }),
  onRetry: (retry) => retry.delayMs,
});
const messages: G.ChatMessage[] = [{ role: 'user', content: [{ type: 'text', text: 'a' }] }];
const whole: ApiPromise<G.ChatCompletion> = client.chat.completions.create({ model: 'm', messages, n: null });
const { data, gateway } = await whole.withResponse();
const cost: string | null = gateway.cost;
messages.push(
  { role: 'assistant', content: data.choices[0]?.message.content ?? null },
  asUnknown<'role'>({ role: 'new' }),
);
const stream: Stream<G.ChatCompletionChunk, G.ChatCompletion> = await client.chat.completions.create({
  model: 'm',
  messages,
  stream: true,
});
for await (const event of stream.events())
  if (!(event instanceof UnknownEvent)) console.log(event.choices[0]?.delta.content, cost);

export function text(event: G.MessageEvent): string {
  switch (event.type) {
    case 'content_block_delta':
      return event.delta.type === 'text_delta' ? event.delta.text : '';
    case 'message_stop':
      return '';
    default: {
      const others: string = event.type;
      return others;
    }
  }
}
for await (const key of client.manage.apiKeys.list({ page_size: 10 }, { signal: AbortSignal.timeout(1) }))
  console.log(key.id satisfies string);
const audio: Response = await client.audio.speech.create({ model: 'm', input: 'a', voice: 'alloy' });
await client.files.create({ purpose: 'batch', file: file('a.jsonl', audio.body!) });
await client.files.create({ purpose: 'a new purpose', file: await fileFromPath('a') });
// @ts-expect-error a field that there is not
await client.chat.completions.create({ model: 'm', messages, modle: 'm' });
// @ts-expect-error a message without its text
await client.chat.completions.create({ model: 'm', messages: [{ role: 'tool', content: 'a' }] });
// @ts-expect-error null where there is none
await client.chat.completions.create({ model: null, messages });
