// Package gateway_test drives the SDK against a real data plane with the simulated provider, whose address and key are in
// the environment.
package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	gateway "example.com/llmgateway"
)

const model = "gpt-4o-mini"

func clientOf(t *testing.T, options ...gateway.Option) *gateway.Client {
	t.Helper()
	client, err := gateway.NewClient(append([]gateway.Option{gateway.WithMaxRetries(0)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func ask(model, text string) gateway.ChatCompletionRequest {
	message := gateway.ChatUserMessage{Content: gateway.ChatUserContentString(text)}
	return gateway.ChatCompletionRequest{Model: model, Messages: []gateway.ChatMessage{message}}
}

func TestACallIsTypedAndSaysWhatTheGatewayDid(t *testing.T) {
	var meta gateway.Meta
	answer, err := clientOf(t).Chat.Completions.Create(context.Background(), ask(model, "Say hello."), gateway.WithMeta(&meta))
	if err != nil {
		t.Fatal(err)
	}

	t.Log("request", meta.RequestID)
	message := answer.Choices[0].Message
	usage := answer.Usage.Value()
	if message.Content.Value() == "" || usage.TotalTokens != usage.PromptTokens+usage.CompletionTokens {
		t.Errorf("%+v", answer)
	}
	if meta.StatusCode != 200 || meta.Provider != "openai" || meta.Model != model || meta.Cache != "bypass" ||
		meta.Attempts != 1 || meta.Tries != 1 || !strings.HasPrefix(meta.RequestID, "req_") {
		t.Errorf("%+v", meta)
	}
}

func TestAStreamAddsUpToTheAnswer(t *testing.T) {
	stream, err := clientOf(t).Chat.Completions.Stream(context.Background(), ask(model, "Say hello."))
	if err != nil {
		t.Fatal(err)
	}
	text, chunks := "", 0
	for stream.Next() {
		chunks++
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content.Value()
		}
	}

	whole, err := stream.Result()
	if err != nil || chunks < 3 {
		t.Fatal(chunks, err)
	}
	if choice := whole.Choices[0]; choice.Message.Content.Value() != text || text == "" {
		t.Errorf("%q, %q", choice.Message.Content, text)
	}
}

func TestResponsesStream(t *testing.T) {
	stream, err := clientOf(t).Responses.Stream(context.Background(), gateway.ResponseRequest{
		Model: model, Input: gateway.ResponseInputString("Say hello."),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, isComplete := "", false
	for stream.Next() {
		switch event := stream.Current().(type) {
		case gateway.ResponseTextDeltaEvent:
			text += event.Delta
		case gateway.ResponseCompletedEvent:
			isComplete = true
		case gateway.Unknown:
			t.Errorf("unknown: %s", event.Raw)
		}
	}
	whole, err := stream.Result()
	if err != nil || !isComplete || text == "" {
		t.Fatal(err, isComplete, text)
	}
	message := whole.Output[0].(gateway.ResponseOutputMessage)
	if said := message.Content[0].(gateway.ResponseOutputText); said.Text != text {
		t.Errorf("%q, not %q", said.Text, text)
	}
}

func TestMessagesStream(t *testing.T) {
	client, ctx := clientOf(t), context.Background()
	var request gateway.MessageRequest
	body := `{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Say hello."}]}`
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		t.Fatal(err)
	}
	stream, err := client.Messages.Stream(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := stream.Result()
	if err != nil || whole.Content[0].(gateway.MessageTextBlock).Text == "" {
		t.Fatal(err, whole)
	}
	plain, err := client.Messages.Create(ctx, request)
	if err != nil || plain.Content[0].(gateway.MessageTextBlock).Text == "" {
		t.Error(err, plain)
	}
}

func TestTools(t *testing.T) {
	client, ctx := clientOf(t), context.Background()
	request := ask(model, "Say hello.")
	request.Tools = []gateway.ChatTool{{Function: gateway.ChatFunction{
		Name: "weather", Parameters: map[string]any{"type": "object", "properties": map[string]any{}},
	}}}
	request.ToolChoice = gateway.ChatToolModeRequired
	answer, err := client.Chat.Completions.Create(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	said := answer.Choices[0].Message
	if len(said.ToolCalls) != 1 || said.ToolCalls[0].Function.Name != "weather" {
		t.Fatalf("%+v", said)
	}
	again := ask(model, "Say hello.")
	again.Messages = append(again.Messages, gateway.ChatAssistantMessage{ToolCalls: said.ToolCalls},
		gateway.ChatToolMessage{ToolCallID: said.ToolCalls[0].ID, Content: gateway.ChatTextString("sunny")})
	if answer, err := client.Chat.Completions.Create(ctx, again); err != nil || answer.Choices[0].Message.Content.Value() == "" {
		t.Error(err)
	}
}

func TestEmbeddingsAndModels(t *testing.T) {
	client, ctx := clientOf(t), context.Background()
	found, err := client.Embeddings.Create(ctx, gateway.EmbeddingRequest{
		Model: "text-embedding-3-small", Input: gateway.PromptList{"a", "b"}, Dimensions: gateway.Int(8),
	})
	if err != nil || len(found.Data) != 2 {
		t.Fatal(err, found)
	}
	if vector := found.Data[0].Embedding.(gateway.EmbeddingVectorList); len(vector) != 8 {
		t.Errorf("%v", vector)
	}
	models, err := client.Models.List(ctx)
	if err != nil || len(models.Data) == 0 {
		t.Fatal(err)
	}
	one, err := client.Models.Get(ctx, model)
	if err != nil || one.ID != model || one.OwnedBy != "openai" {
		t.Errorf("%v %+v", err, one)
	}
}

func TestErrorsHaveKinds(t *testing.T) {
	client, ctx := clientOf(t), context.Background()
	for asked, kind := range map[string]gateway.Kind{
		"no-such-model":       gateway.ErrModelNotFound,
		"sim-fault-error-429": gateway.ErrRateLimited,
		"sim-fault-error-500": gateway.ErrUpstreamError,
	} {
		_, err := client.Chat.Completions.Create(ctx, ask(asked, "Hello."))
		var failed *gateway.APIError
		if !errors.Is(err, kind) || !errors.As(err, &failed) || !strings.HasPrefix(failed.RequestID(), "req_") {
			t.Errorf("%s: %v", asked, err)
		}
	}
	_, err := clientOf(t, gateway.WithAPIKey("gw-wrong")).Models.List(ctx)
	if !errors.Is(err, gateway.ErrAuthentication) {
		t.Error(err)
	}
}

func TestAStreamThatBreaksOffSaysWhatHadCome(t *testing.T) {
	stream, err := clientOf(t).Chat.Completions.Stream(context.Background(), ask("sim-fault-cut-stream", "Hello."))
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content.Value()
		}
	}
	var broken *gateway.StreamInterruptedError
	var said *gateway.APIError
	if !errors.As(stream.Err(), &broken) || !errors.As(stream.Err(), &said) || said.Code != "stream_interrupted" {
		t.Fatal(stream.Err())
	}
	if partial := stream.Partial(); partial.Choices[0].Message.Content.Value() != text || text == "" {
		t.Errorf("%q, %q", partial.Choices[0].Message.Content, text)
	}
}

func TestARepeatIsBilledOnce(t *testing.T) {
	ctx := context.Background()
	var told []gateway.Retry
	client := clientOf(t, gateway.WithMaxRetries(1), gateway.WithOnRetry(func(r gateway.Retry) { told = append(told, r) }))
	if _, err := client.Chat.Completions.Create(ctx, ask("sim-fault-error-500", "Hello.")); !errors.Is(err, gateway.ErrServer) {
		t.Error(err)
	}
	if len(told) != 1 || !errors.Is(told[0].Err, gateway.ErrUpstreamError) {
		t.Errorf("%v", told)
	}

	var first, again gateway.Meta
	for _, meta := range []*gateway.Meta{&first, &again} {
		key := gateway.WithIdempotencyKey("go-once")
		if _, err := client.Chat.Completions.Create(ctx, ask(model, "Hello."), key, gateway.WithMeta(meta)); err != nil {
			t.Fatal(err)
		}
	}
	if first.IsReplay || !again.IsReplay || again.OriginalRequestID != first.RequestID {
		t.Errorf("%+v %+v", first, again)
	}
}

func TestCancellingAndTimeouts(t *testing.T) {
	client := clientOf(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := client.Chat.Completions.Create(ctx, ask("sim-fault-hang", "Hello.")); err != context.Canceled {
		t.Error(err)
	}
	short := gateway.WithTimeouts(gateway.Timeouts{FirstByte: 200 * time.Millisecond})
	_, err := client.Chat.Completions.Create(context.Background(), ask("sim-fault-hang", "Hello."), short)
	var late *gateway.TimeoutError
	if !errors.As(err, &late) || late.Phase != gateway.PhaseFirstByte {
		t.Error(err)
	}
}
