"""The first call with a key, in four languages."""

from gateway.console.parts import Sample

_CURL = """curl {url}/chat/completions \\
  -H "Authorization: Bearer $GATEWAY_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""

_PYTHON = """# pip install openai
import os

from openai import OpenAI

client = OpenAI(base_url="{url}", api_key=os.environ["GATEWAY_KEY"])
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""

_JAVASCRIPT = """// npm install openai
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}", apiKey: process.env.GATEWAY_KEY }});
const answer = await client.chat.completions.create({{
  model: "{model}",
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);"""

_GO = """// go get github.com/openai/openai-go/v3
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {{
	client := openai.NewClient(option.WithBaseURL("{url}"), option.WithAPIKey(os.Getenv("GATEWAY_KEY")))
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{{
		Model:    "{model}",
		Messages: []openai.ChatCompletionMessageParamUnion{{openai.UserMessage("Hello")}},
	}})
	if err != nil {{
		panic(err)
	}}
	fmt.Println(answer.Choices[0].Message.Content)
}}"""

_SAMPLES = {"curl": _CURL, "Python": _PYTHON, "JavaScript": _JAVASCRIPT, "Go": _GO}


def quick_start(gateway_url: str, model: str) -> list[Sample]:
    """`gateway_url` ends in `/v1`. The key is read from the environment, so that no secret ends up in code."""
    return [Sample(language, text.format(url=gateway_url, model=model)) for language, text in _SAMPLES.items()]
