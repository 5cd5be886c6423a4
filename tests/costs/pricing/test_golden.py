"""Golden prices: the expected number with its working and the vendor's page, worked out by hand and never by this code.

`working`: tokens x USD per 1,000,000, then after a bar units x USD each; the rates are those of the pages named. A test
does the sum again with plain decimals, so that a slip of the pen shows.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from costs.pricing import price

OPENAI = "https://developers.openai.com/api/docs/pricing"
OPENAI_RESIDENCY = "https://developers.openai.com/api/docs/guides/data-residency"
ANTHROPIC = "https://platform.claude.com/docs/en/about-claude/pricing"
GOOGLE = "https://ai.google.dev/gemini-api/docs/pricing"
VERTEX = "https://cloud.google.com/vertex-ai/generative-ai/pricing"
XAI = "https://docs.x.ai/docs/models"
DEEPSEEK = "https://api-docs.deepseek.com/quick_start/pricing"
BEDROCK = "https://aws.amazon.com/bedrock/pricing/"
AZURE = "https://azure.microsoft.com/en-us/pricing/details/cognitive-services/openai-service/"
MISTRAL = "https://mistral.ai/pricing"
COHERE = "https://cohere.com/pricing"
GROQ = "https://groq.com/pricing"
TOGETHER = "https://www.together.ai/pricing"
ALIBABA = "https://www.alibabacloud.com/help/en/model-studio/models"
VOYAGE = "https://docs.voyageai.com/docs/pricing"


@dataclass(frozen=True, slots=True)
class Case:
    provider: str
    model: str
    page: str
    working: str
    total: str
    usage: dict[str, int]
    context: dict[str, str] = field(default_factory=dict)
    at: str = "2026-11-20"


# fmt: off
CASES = [
    Case("openai", "gpt-4o", OPENAI, "4000 x 2.5 + 6000 x 1.25 + 500 x 10", "0.0225",
         {"input_tokens": 10_000, "output_tokens": 500, "cache_read_tokens": 6_000}),
    Case("openai", "gpt-4o", OPENAI, "10000 x 1.25 + 500 x 5", "0.015",
         {"input_tokens": 10_000, "output_tokens": 500}, {"processing": "batch"}),
    Case("openai", "gpt-4o", OPENAI, "4000 x 4.25 + 6000 x 2.125 + 500 x 17", "0.03825",
         {"input_tokens": 10_000, "output_tokens": 500, "cache_read_tokens": 6_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-4o-mini", OPENAI, "20000 x 0.15 + 100000 x 0.075 + 3000 x 0.6", "0.0123",
         {"input_tokens": 120_000, "output_tokens": 3_000, "cache_read_tokens": 100_000}),
    Case("openai", "gpt-4o-mini", OPENAI, "120000 x 0.075 + 3000 x 0.3", "0.0099",
         {"input_tokens": 120_000, "output_tokens": 3_000}, {"processing": "batch"}),
    Case("openai", "gpt-4o-mini", OPENAI, "1000 x 0.25 + 1000 x 1", "0.00125",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-4.1", OPENAI, "300000 x 2 + 500000 x 0.5 + 2000 x 8", "0.866",
         {"input_tokens": 800_000, "output_tokens": 2_000, "cache_read_tokens": 500_000}),
    Case("openai", "gpt-4.1", OPENAI, "1000 x 3.5 + 1000 x 14", "0.0175",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-4.1-mini", OPENAI, "2976 x 0.4 + 1024 x 0.1 + 250 x 1.6", "0.0016928",
         {"input_tokens": 4_000, "output_tokens": 250, "cache_read_tokens": 1_024}),
    Case("openai", "gpt-4.1-nano", OPENAI, "7 x 0.1 + 3 x 0.4", "0.0000019", {"input_tokens": 7, "output_tokens": 3}),
    Case("openai", "gpt-4.1", OPENAI, "1000 x 1 + 1000 x 4", "0.005",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"processing": "batch"}),
    Case("openai", "o3", OPENAI, "1000 x 2 + 5000 x 8", "0.042",
         {"input_tokens": 1_000, "output_tokens": 5_000, "reasoning_tokens": 4_000}),
    Case("openai", "o3", OPENAI, "1000 x 1 + 5000 x 4", "0.021",
         {"input_tokens": 1_000, "output_tokens": 5_000}, {"service_tier": "flex"}),
    Case("openai", "o3", OPENAI, "1000 x 3.5 + 5000 x 14", "0.0735",
         {"input_tokens": 1_000, "output_tokens": 5_000}, {"service_tier": "priority"}),
    Case("openai", "o3", OPENAI, "1000 x 10 + 1000 x 40", "0.05",
         {"input_tokens": 1_000, "output_tokens": 1_000}, at="2025-06-09"),
    Case("openai", "o4-mini", OPENAI, "500 x 1.1 + 1500 x 0.275 + 800 x 4.4", "0.0044825",
         {"input_tokens": 2_000, "output_tokens": 800, "cache_read_tokens": 1_500}),
    Case("openai", "o4-mini", OPENAI, "2000 x 0.55 + 800 x 2.2", "0.00286",
         {"input_tokens": 2_000, "output_tokens": 800}, {"service_tier": "flex"}),
    Case("openai", "o4-mini", OPENAI, "2000 x 2 + 800 x 8", "0.0104",
         {"input_tokens": 2_000, "output_tokens": 800}, {"service_tier": "priority"}),
    Case("openai", "gpt-5", OPENAI, "2000 x 1.25 + 8000 x 0.125 + 1000 x 10", "0.0135",
         {"input_tokens": 10_000, "output_tokens": 1_000, "cache_read_tokens": 8_000, "reasoning_tokens": 600}),
    Case("openai", "gpt-5", OPENAI, "2000 x 0.625 + 8000 x 0.0625 + 1000 x 5", "0.00675",
         {"input_tokens": 10_000, "output_tokens": 1_000, "cache_read_tokens": 8_000}, {"service_tier": "flex"}),
    Case("openai", "gpt-5", OPENAI, "2000 x 2.5 + 8000 x 0.25 + 1000 x 20", "0.027",
         {"input_tokens": 10_000, "output_tokens": 1_000, "cache_read_tokens": 8_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-5-mini", OPENAI, "2000 x 0.45 + 8000 x 0.045 + 1000 x 3.6", "0.00486",
         {"input_tokens": 10_000, "output_tokens": 1_000, "cache_read_tokens": 8_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-5-nano", OPENAI, "1000 x 0.05 + 1000 x 0.4", "0.00045",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("openai", "gpt-5.1", OPENAI, "1000 x 2.5 + 1000 x 20", "0.0225",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "priority"}),
    Case("openai", "gpt-5.2", OPENAI, "500 x 3.5 + 500 x 0.35 + 1000 x 28", "0.029925",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}, {"service_tier": "priority"}),
    Case("openai", "gpt-5.4", OPENAI, "272000 x 2.5 + 1000 x 15", "0.695",
         {"input_tokens": 272_000, "output_tokens": 1_000}),
    Case("openai", "gpt-5.4", OPENAI, "272001 x 5 + 1000 x 22.5", "1.382505",
         {"input_tokens": 272_001, "output_tokens": 1_000}),
    Case("openai", "gpt-5.4", OPENAI, "100000 x 5 + 200000 x 0.5 + 1000 x 22.5", "0.6225",
         {"input_tokens": 300_000, "output_tokens": 1_000, "cache_read_tokens": 200_000}),
    Case("openai", "gpt-5.4", OPENAI, "500 x 5 + 500 x 0.5 + 1000 x 30", "0.03275",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}, {"service_tier": "priority"}),
    Case("openai", "gpt-5.4", OPENAI, "272001 x 2.5 + 1000 x 11.25", "0.6912525",
         {"input_tokens": 272_001, "output_tokens": 1_000}, {"processing": "batch"}),
    Case("openai", "gpt-5.4", OPENAI, "272001 x 2.5 + 1000 x 11.25", "0.6912525",
         {"input_tokens": 272_001, "output_tokens": 1_000}, {"service_tier": "flex"}),
    Case("openai", "gpt-5.4", OPENAI_RESIDENCY, "500 x 2.75 + 500 x 0.275 + 1000 x 16.5", "0.0180125",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}, {"region": "eu"}),
    Case("openai", "gpt-5.4", OPENAI_RESIDENCY, "272001 x 5.5 + 1000 x 24.75", "1.5207555",
         {"input_tokens": 272_001, "output_tokens": 1_000}, {"region": "eu"}),
    Case("openai", "gpt-5.5", OPENAI, "500 x 12.5 + 500 x 1.25 + 1000 x 75", "0.081875",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}, {"service_tier": "priority"}),
    Case("openai", "gpt-4-turbo", OPENAI, "1000 x 10 + 1000 x 30", "0.04",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("openai", "o1", OPENAI, "600 x 15 + 400 x 7.5 + 1000 x 60", "0.072",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400}),
    Case("openai", "text-embedding-3-small", OPENAI, "8191 x 0.02", "0.00016382", {"input_tokens": 8_191}),
    Case("openai", "text-embedding-3-large", OPENAI, "8191 x 0.065", "0.000532415",
         {"input_tokens": 8_191}, {"processing": "batch"}),
    Case("openai", "whisper-1", OPENAI, "| 90 x 0.0001", "0.009", {"audio_ms": 90_000}),
    Case("openai", "tts-1", OPENAI, "4096 x 15", "0.06144", {"characters": 4_096}),
    Case("openai", "gpt-audio", OPENAI, "100 x 2.5 + 200 x 32 + 20 x 10 + 100 x 64", "0.01325",
         {"input_tokens": 300, "output_tokens": 120, "audio_input_tokens": 200, "audio_output_tokens": 100}),
    Case("openai", "gpt-image-1", OPENAI, "50 x 5 + 200 x 10 + 1056 x 40", "0.04449",
         {"input_tokens": 250, "output_tokens": 1_056, "image_input_tokens": 200, "image_output_tokens": 1_056,
         "image_units": 1}),
    Case("openai", "gpt-4o", OPENAI, "1000 x 2.5 + 100 x 10 | 3 x 0.01", "0.0335",
         {"input_tokens": 1_000, "output_tokens": 100, "web_searches": 3}),
    Case("anthropic", "claude-sonnet-4-5", ANTHROPIC, "5000 x 3 + 1000 x 0.3 + 3000 x 3.75 + 1000 x 6 + 500 x 15",
         "0.04005",
         {"input_tokens": 10_000, "output_tokens": 500, "cache_read_tokens": 1_000, "cache_write_5m_tokens": 3_000,
         "cache_write_1h_tokens": 1_000}),
    Case("anthropic", "claude-sonnet-4-5", ANTHROPIC, "1000 x 1.5 + 1000 x 7.5", "0.009",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "batch"}),
    Case("anthropic", "claude-sonnet-4-5", ANTHROPIC, "200000 x 3 + 1000 x 15", "0.615",
         {"input_tokens": 200_000, "output_tokens": 1_000}),
    Case("anthropic", "claude-sonnet-4-5", ANTHROPIC, "200001 x 6 + 1000 x 22.5", "1.222506",
         {"input_tokens": 200_001, "output_tokens": 1_000}),
    Case("anthropic", "claude-haiku-4-5", ANTHROPIC, "3000 x 1 + 4000 x 0.1 + 2000 x 1.25 + 1000 x 2 + 500 x 5",
         "0.0104",
         {"input_tokens": 10_000, "output_tokens": 500, "cache_read_tokens": 4_000, "cache_write_5m_tokens": 2_000,
         "cache_write_1h_tokens": 1_000}),
    Case("anthropic", "claude-opus-4-5", ANTHROPIC, "4000 x 5 + 4000 x 0.5 + 2000 x 6.25 + 500 x 25", "0.047",
         {"input_tokens": 10_000, "output_tokens": 500, "cache_read_tokens": 4_000, "cache_write_5m_tokens": 2_000}),
    Case("anthropic", "claude-opus-4-1", ANTHROPIC, "400 x 15 + 600 x 30 + 1000 x 75", "0.099",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_write_1h_tokens": 600}),
    Case("anthropic", "claude-3-5-haiku-20241022", ANTHROPIC, "500 x 0.8 + 500 x 0.08 + 1000 x 4", "0.00444",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}),
    Case("anthropic", "claude-opus-4-6", ANTHROPIC, "500 x 5.5 + 500 x 0.55 + 1000 x 27.5", "0.030525",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 500}, {"region": "us"}),
    Case("anthropic", "claude-sonnet-4-5", ANTHROPIC, "1000 x 3 + 100 x 15 | 2 x 0.01", "0.0245",
         {"input_tokens": 1_000, "output_tokens": 100, "web_searches": 2}),
    Case("google", "gemini-2.5-pro", GOOGLE, "200000 x 1.25 + 1000 x 10", "0.26",
         {"input_tokens": 200_000, "output_tokens": 1_000}),
    Case("google", "gemini-2.5-pro", GOOGLE, "200001 x 2.5 + 1000 x 15", "0.5150025",
         {"input_tokens": 200_001, "output_tokens": 1_000}),
    Case("google", "gemini-2.5-pro", GOOGLE, "200001 x 1.25 + 1000 x 7.5", "0.25750125",
         {"input_tokens": 200_001, "output_tokens": 1_000}, {"processing": "batch"}),
    Case("google", "gemini-2.5-flash", GOOGLE, "5000 x 0.3 + 5000 x 0.03 + 2000 x 2.5", "0.00665",
         {"input_tokens": 10_000, "output_tokens": 2_000, "cache_read_tokens": 5_000, "reasoning_tokens": 1_500}),
    Case("google", "gemini-2.5-flash", GOOGLE, "1000 x 0.3 + 9000 x 1 + 100 x 2.5", "0.00955",
         {"input_tokens": 10_000, "output_tokens": 100, "audio_input_tokens": 9_000}),
    Case("google", "gemini-2.5-flash", GOOGLE, "1000 x 0.15 + 1000 x 1.25", "0.0014",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"processing": "batch"}),
    Case("google", "gemini-2.5-flash-lite", GOOGLE, "6000 x 0.1 + 4000 x 0.3 + 100 x 0.4", "0.00184",
         {"input_tokens": 10_000, "output_tokens": 100, "audio_input_tokens": 4_000}),
    Case("google", "gemini-2.0-flash", GOOGLE, "6000 x 0.1 + 4000 x 0.7 + 100 x 0.4", "0.00344",
         {"input_tokens": 10_000, "output_tokens": 100, "audio_input_tokens": 4_000}),
    Case("google", "gemini-3-pro-preview", GOOGLE, "200000 x 2 + 1000 x 12", "0.412",
         {"input_tokens": 200_000, "output_tokens": 1_000}),
    Case("google", "gemini-3-pro-preview", GOOGLE, "200001 x 4 + 1000 x 18", "0.818004",
         {"input_tokens": 200_001, "output_tokens": 1_000}),
    Case("vertex", "claude-haiku-4-5", VERTEX, "1000 x 1.1 + 1000 x 5.5", "0.0066",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"region": "europe-west1"}),
    Case("x-ai", "grok-4.3", XAI, "199999 x 1.25 + 1000 x 2.5", "0.25249875",
         {"input_tokens": 199_999, "output_tokens": 1_000}),
    Case("x-ai", "grok-4.3", XAI, "200000 x 2.5 + 1000 x 5", "0.505", {"input_tokens": 200_000,
         "output_tokens": 1_000}),
    Case("x-ai", "grok-4.3", XAI, "200000 x 2 + 1000 x 4", "0.404",
         {"input_tokens": 200_000, "output_tokens": 1_000}, {"processing": "batch"}),
    Case("deepseek", "deepseek-chat", DEEPSEEK, "1000 x 0.135 + 1000 x 0.55", "0.000685",
         {"input_tokens": 1_000, "output_tokens": 1_000}, at="2025-03-01T18:00"),
    Case("deepseek", "deepseek-chat", DEEPSEEK, "1000 x 0.27 + 1000 x 1.1", "0.00137",
         {"input_tokens": 1_000, "output_tokens": 1_000}, at="2025-03-01T12:00"),
    Case("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", BEDROCK, "600 x 3.3 + 400 x 0.33 + 1000 x 16.5",
         "0.018612",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400}),
    Case("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", BEDROCK, "1000 x 3 + 1000 x 15", "0.018",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("bedrock", "amazon.nova-pro-v1:0", BEDROCK, "1000 x 0.8 + 1000 x 3.2", "0.004",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("bedrock", "amazon.nova-lite-v1:0", BEDROCK, "1000 x 0.06 + 1000 x 0.24", "0.0003",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("bedrock", "amazon.nova-micro-v1:0", BEDROCK, "1000 x 0.035 + 1000 x 0.14", "0.000175",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("bedrock", "meta.llama3-3-70b-instruct-v1:0", BEDROCK, "1000 x 0.72 + 1000 x 0.72", "0.00144",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("azure", "gpt-4o-2024-08-06", AZURE, "600 x 2.75 + 400 x 1.375 + 1000 x 11", "0.0132",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400}, {"region": "eu"}),
    Case("azure", "gpt-4o-2024-08-06", AZURE, "1000 x 1.375 + 1000 x 5.5", "0.006875",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"region": "eu", "processing": "batch"}),
    Case("azure", "gpt-4o", AZURE, "1000 x 2.5 + 1000 x 10", "0.0125", {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("azure", "gpt-4.1", AZURE, "600 x 3.85 + 400 x 0.963 + 1000 x 15.4", "0.0180952",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400},
         {"region": "us", "service_tier": "priority"}),
    Case("bedrock", "amazon.nova-pro-v1:0", BEDROCK, "600 x 0.96 + 400 x 0.24 + 1000 x 3.84", "0.004512",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400}, {"region": "us-gov-west-1"}),
    Case("bedrock", "amazon.nova-pro-v1:0", BEDROCK, "1000 x 0.4 + 1000 x 1.6", "0.002",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "flex"}),
    Case("bedrock", "amazon.nova-pro-v1:0", BEDROCK, "1000 x 1.4 + 1000 x 5.6", "0.007",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"service_tier": "priority"}),
    Case("bedrock", "meta.llama3-70b-instruct-v1:0", BEDROCK, "1000 x 3.45 + 1000 x 4.55", "0.008",
         {"input_tokens": 1_000, "output_tokens": 1_000}, {"region": "eu-west-2"}),
    Case("bedrock", "stability.sd3-5-large-v1:0", BEDROCK, "| 3 x 0.08", "0.24", {"image_units": 3}),
    Case("vertex", "gemini-3.5-flash", VERTEX, "600 x 1.65 + 400 x 0.165 + 1000 x 9.9", "0.010956",
         {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_tokens": 400}, {"region": "europe-west4"}),
    Case("dashscope", "qwen-plus-latest", ALIBABA, "1000 x 0.4 + 500 x 1.2 + 1500 x 4", "0.007",
         {"input_tokens": 1_000, "output_tokens": 2_000, "reasoning_tokens": 1_500}),
    Case("mistral", "codestral-latest", MISTRAL, "1000 x 0.3 + 1000 x 0.9", "0.0012",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("cohere", "command-r-plus-08-2024", COHERE, "1000 x 2.5 + 1000 x 10", "0.0125",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("cohere", "rerank-v3.5", COHERE, "| 3 x 0.002", "0.006", {"requests": 3}),
    Case("groq", "llama-3.3-70b-versatile", GROQ, "1000 x 0.59 + 1000 x 0.79", "0.00138",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("groq", "llama-3.1-8b-instant", GROQ, "1000 x 0.05 + 1000 x 0.08", "0.00013",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("groq", "whisper-large-v3-turbo", GROQ, "| 1 x 0.04", "0.04", {"audio_ms": 3_600_000}),
    Case("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", TOGETHER, "1000 x 0.88 + 1000 x 0.88", "0.00176",
         {"input_tokens": 1_000, "output_tokens": 1_000}),
    Case("dashscope", "qwen3-max", ALIBABA, "32001 x 2.4 + 1000 x 12", "0.0888024",
         {"input_tokens": 32_001, "output_tokens": 1_000}),
    Case("voyage", "voyage-3.5", VOYAGE, "10000 x 0.06", "0.0006", {"input_tokens": 10_000}),
]
# fmt: on


def name_of(case: Case) -> str:
    context = "-".join(f"{key}={value}" for key, value in case.context.items())
    return f"{case.provider}-{case.model}-{context}-{case.at}-{'-'.join(map(str, case.usage.values()))}"


def by_hand(working: str) -> Decimal:
    tokens, _, units = working.partition("|")

    def total(terms: str) -> Decimal:
        pairs = (term.split(" x ") for term in terms.strip().split(" + ") if term.strip())
        return sum((Decimal(count) * Decimal(rate) for count, rate in pairs), Decimal(0))

    return total(tokens) / 1_000_000 + total(units)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_price_is_the_vendors(case):
    at = datetime.fromisoformat(case.at).replace(tzinfo=UTC)

    found = price(case.usage, provider=case.provider, model=case.model, at=at, context=case.context)

    assert found.total == Decimal(case.total), f"{case.working} by {case.page}"
    assert found.status == "priced"
    assert not [flag for flag in found.flags if flag.startswith("unknown")]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_working_gives_the_number(case):
    assert by_hand(case.working) == Decimal(case.total)


def test_there_are_enough_of_every_kind():
    assert len(CASES) == 95
    assert len({name_of(case) for case in CASES}) == len(CASES)
    contexts = {f"{key}={value}" for case in CASES for key, value in case.context.items()}
    assert contexts >= {"processing=batch", "service_tier=flex", "service_tier=priority", "region=eu", "region=us"}
