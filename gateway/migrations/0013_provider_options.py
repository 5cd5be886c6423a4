"""Options that only some kinds of provider have, and Amazon Bedrock as a kind."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0012_key_lineage"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="options",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="Of this kind alone: api_version and authentication (Azure), region (Bedrock).",
            ),
        ),
        migrations.AlterField(
            model_name="provider",
            name="kind",
            field=models.CharField(
                choices=[
                    ("openai", "OpenAI"),
                    ("azure", "Azure OpenAI"),
                    ("anthropic", "Anthropic"),
                    ("google", "Google Gemini"),
                    ("bedrock", "Amazon Bedrock"),
                    ("mistral", "Mistral"),
                    ("groq", "Groq"),
                    ("together", "Together"),
                    ("fireworks", "Fireworks"),
                    ("cohere", "Cohere"),
                    ("deepseek", "DeepSeek"),
                    ("x-ai", "xAI"),
                    ("openrouter", "OpenRouter"),
                    ("vllm", "vLLM"),
                    ("ollama", "Ollama"),
                    ("huggingface", "Hugging Face"),
                    ("openai-compatible", "Other OpenAI-compatible"),
                ],
                default="openai",
                max_length=20,
            ),
        ),
    ]
