"""OpenAI's files, uploads and fine-tuning endpoints, as their official clients speak them."""
