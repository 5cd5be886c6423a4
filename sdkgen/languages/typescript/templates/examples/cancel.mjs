// An answer that nobody waits for any longer.
import { Gateway } from '{{package}}';

const client = new Gateway();
const controller = new AbortController();
const stream = await client.chat.completions.stream(
  { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Count to a hundred.' }] },
  { signal: controller.signal },
);

let chunks = 0;
try {
  for await (const _ of stream) if (++chunks === 3) controller.abort();
} catch (error) {
  if (error.name !== 'AbortError') throw error;
  console.log('left after', chunks, 'chunks');
}
