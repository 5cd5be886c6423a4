// One call, and what the gateway says of it.
import { Gateway } from '{{package}}';

const client = new Gateway();
const { data, gateway } = await client.chat.completions
  .create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello.' }] })
  .withResponse();

console.log(data.choices[0].message.content);
console.log('cost', gateway.cost, 'provider', gateway.provider);
