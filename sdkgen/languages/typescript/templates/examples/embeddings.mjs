// Texts as vectors, several calls at once.
import { Gateway } from '{{package}}';

const client = new Gateway();
const texts = [['a cat', 'a dog'], ['a car']];
const answers = await Promise.all(
  texts.map((input) => client.embeddings.create({ model: 'text-embedding-3-small', input, dimensions: 8 })),
);
console.log(answers.map(({ data }) => data.map(({ embedding }) => embedding.length)));
