// What goes wrong has a class.
import { BudgetExceededError, Gateway, ModelNotFoundError, RateLimitedError } from '{{package}}';

const client = new Gateway({ maxRetries: 0 });
try {
  await client.chat.completions.create({ model: 'no-such-model', messages: [{ role: 'user', content: 'Hello.' }] });
} catch (error) {
  if (error instanceof ModelNotFoundError) console.log(error.status, error.code, error.requestId !== null);
  else if (error instanceof BudgetExceededError) console.log('the budget is used up until', error.resetsAt);
  else if (error instanceof RateLimitedError) console.log('wait', error.retryAfterMs, 'ms');
  else throw error;
}
