// The same with types: unions are narrowed by their tag, and unknown variants have a place of their own.
import { Gateway, StreamInterruptedError, type ChatMessage, type MessageEvent } from '{{package}}';

const client = new Gateway();
const messages: ChatMessage[] = [{ role: 'user', content: 'Say hello.' }];
const answer = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });
const text: string | null | undefined = answer.choices[0]?.message.content;
console.log(text);

function shown(event: MessageEvent): string {
  switch (event.type) {
    case 'content_block_delta':
      return event.delta.type === 'text_delta' ? event.delta.text : '';
    case 'message_stop':
      return '\n';
    default:
      return '';
  }
}

try {
  const stream = await client.messages.stream({
    model: 'gpt-4o-mini', max_tokens: 50, messages: [{ role: 'user', content: 'Say hello.' }],
  });
  for await (const event of stream) console.log(shown(event));
} catch (error) {
  if (error instanceof StreamInterruptedError) console.log(error.partial, error.code);
  else throw error;
}
