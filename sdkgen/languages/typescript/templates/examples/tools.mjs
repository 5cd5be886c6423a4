// A tool that the model may call.
import { Gateway } from '{{package}}';

const client = new Gateway();
const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const messages = [{ role: 'user', content: 'What is the weather in Paris?' }];

const answer = await client.chat.completions.create({
  model: 'gpt-4o-mini', messages, tools: [weather], tool_choice: 'required',
});
const { message } = answer.choices[0];
for (const call of message.tool_calls ?? []) {
  console.log(call.function.name, Object.keys(JSON.parse(call.function.arguments)));
  messages.push(message, { role: 'tool', tool_call_id: call.id, content: 'Sunny, 24 °C.' });
}
const last = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });
console.log(last.choices[0].message.content);
