// An answer while it is made.
import { Gateway } from '{{package}}';

const client = new Gateway();
const stream = await client.chat.completions.stream({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Count to ten.' }],
});

for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
console.log();
console.log('whole', stream.partial.choices[0].message.content.length, 'cost', stream.gateway.cost);
