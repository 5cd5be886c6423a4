// Command driver plays the conformance corpus by the Go SDK: see tests/sdkgen/conformance/README.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	gateway "example.com/llmgateway"
)

type vector struct {
	ID        string                     `json:"id"`
	BaseURL   string                     `json:"base_url"`
	Operation string                     `json:"operation"`
	Args      map[string]json.RawMessage `json:"args"`
	Options   options                    `json:"options"`
	Client    options                    `json:"client"`
}

type options struct {
	Timeouts       map[string]float64 `json:"timeouts"`
	MaxRetries     *int               `json:"max_retries"`
	IdempotencyKey string             `json:"idempotency_key"`
	Headers        map[string]string  `json:"headers"`
	Tags           json.RawMessage    `json:"tags"`
	EndUser        string             `json:"end_user"`
	Cache          string             `json:"cache"`
	Route          string             `json:"route"`
	Organization   string             `json:"organization"`
	CancelAfterMS  int                `json:"cancel_after_ms"`
	Telemetry      *bool              `json:"telemetry"`
}

type outcome map[string]any

func main() {
	var lock sync.Mutex
	var group sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	lines := bufio.NewReader(os.Stdin)
	free := make(chan struct{}, 16)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err == io.EOF {
			break
		}
		var said vector
		if err := json.Unmarshal(line, &said); err != nil {
			log.Fatal(err)
		}
		group.Add(1)
		free <- struct{}{}
		go func() {
			defer group.Done()
			found := run(&said)
			found["id"] = said.ID
			lock.Lock()
			defer lock.Unlock()
			if err := out.Encode(found); err != nil {
				log.Fatal(said.ID, ": ", err)
			}
			<-free
		}()
	}
	group.Wait()
}

func run(said *vector) outcome {
	delays := []float64{}
	set := append(optionsOf(&said.Client), gateway.WithBaseURL(said.BaseURL), gateway.WithAPIKey("gw-test"),
		gateway.WithManagementKey("gw-manage"),
		gateway.WithOnRetry(func(r gateway.Retry) { delays = append(delays, r.Pause.Seconds()) }))
	client, err := gateway.NewClient(set...)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if after := said.Options.CancelAfterMS; after > 0 {
		time.AfterFunc(time.Duration(after)*time.Millisecond, cancel)
	}
	c := &caller{ctx, client, said.Args, optionsOf(&said.Options)}
	found, err := c.call(said.Operation)
	if found == nil {
		found = outcome{}
	}
	if err != nil {
		found["error"] = told(err)
	}
	found["delays"] = delays
	return found
}

func optionsOf(said *options) (set []gateway.Option) {
	if said.Timeouts != nil {
		times := gateway.DefaultTimeouts()
		for name, into := range map[string]*time.Duration{"connect": &times.Connect, "first_byte": &times.FirstByte,
			"idle": &times.Idle, "total": &times.Total} {
			if seconds, isThere := said.Timeouts[name]; isThere {
				*into = time.Duration(seconds * float64(time.Second))
			}
		}
		set = append(set, gateway.WithTimeouts(times))
	}
	if said.MaxRetries != nil {
		set = append(set, gateway.WithMaxRetries(*said.MaxRetries))
	}
	if said.IdempotencyKey != "" {
		set = append(set, gateway.WithIdempotencyKey(said.IdempotencyKey))
	}
	for name, value := range said.Headers {
		set = append(set, gateway.WithHeader(name, value))
	}
	for _, tag := range inOrder(said.Tags) {
		set = append(set, gateway.WithTag(tag[0], tag[1]))
	}
	if said.EndUser != "" {
		set = append(set, gateway.WithEndUser(said.EndUser))
	}
	if said.Cache != "" {
		set = append(set, gateway.WithCache(said.Cache))
	}
	if said.Route != "" {
		set = append(set, gateway.WithRoute(said.Route))
	}
	if said.Organization != "" {
		set = append(set, gateway.WithOrganization(said.Organization))
	}
	if said.Telemetry != nil && !*said.Telemetry {
		set = append(set, gateway.WithoutTelemetry())
	}
	return set
}

// inOrder are the names and values of an object of texts.
func inOrder(raw json.RawMessage) (pairs [][2]string) {
	reader := json.NewDecoder(bytes.NewReader(raw))
	var texts []string
	for {
		token, err := reader.Token()
		if err != nil {
			break
		}
		if text, isText := token.(string); isText {
			texts = append(texts, text)
		}
	}
	for i := 0; i+1 < len(texts); i += 2 {
		pairs = append(pairs, [2]string{texts[i], texts[i+1]})
	}
	return pairs
}

type caller struct {
	ctx     context.Context
	client  *gateway.Client
	args    map[string]json.RawMessage
	options []gateway.Option
}

// take is an argument by its name, which is not part of the body then.
func (c *caller) take(name string) string {
	var text string
	_ = json.Unmarshal(c.args[name], &text)
	delete(c.args, name)
	return text
}

// body reads the arguments as a model does.
func body[T any](c *caller) T {
	raw, err := json.Marshal(c.args)
	if err != nil {
		log.Fatal(err)
	}
	var model T
	if err := json.Unmarshal(raw, &model); err != nil {
		log.Fatal(err)
	}
	return model
}

func (c *caller) call(operation string) (outcome, error) {
	client := c.client
	switch operation {
	case "chat.create":
		return answered(c, func(o ...gateway.Option) (*gateway.ChatCompletion, error) {
			return client.Chat.Completions.Create(c.ctx, body[gateway.ChatCompletionRequest](c), o...)
		})
	case "embeddings.create":
		return answered(c, func(o ...gateway.Option) (*gateway.EmbeddingList, error) {
			return client.Embeddings.Create(c.ctx, body[gateway.EmbeddingRequest](c), o...)
		})
	case "feedback.create":
		return answered(c, func(o ...gateway.Option) (*gateway.Feedback, error) {
			return client.Feedback.Create(c.ctx, body[gateway.FeedbackRequest](c), o...)
		})
	case "models.get":
		return answered(c, func(o ...gateway.Option) (*gateway.AvailableModel, error) {
			return client.Models.Get(c.ctx, c.take("model"), o...)
		})
	case "keys.create":
		return answered(c, func(o ...gateway.Option) (*gateway.IssuedKey, error) {
			return client.Manage.APIKeys.Create(c.ctx, body[gateway.KeyRequest](c), o...)
		})
	case "keys.update":
		id := c.take("id")
		return answered(c, func(o ...gateway.Option) (*gateway.Key, error) {
			change := body[gateway.PatchedKeyLimitsRequest](c)
			return client.Manage.APIKeys.Update(c.ctx, id, &change, o...)
		})
	case "analytics.query":
		return answered(c, func(o ...gateway.Option) (any, error) {
			result, err := client.Manage.Admin.Analytics.Query(c.ctx, body[gateway.SemanticQueryRequest](c), o...)
			if err != nil {
				return nil, err
			}
			if result.Export != nil {
				return result.Export, nil
			}
			return result.AnalyticsResult, nil
		})
	case "keys.delete":
		return outcome{"answer": nil}, client.Manage.Annotations.Delete(c.ctx, c.take("id"), c.options...)
	case "files.create":
		request := gateway.FileRequest{File: gateway.FileFromBytes("file.jsonl", []byte(c.take("file")))}
		request.Purpose = body[gateway.FileRequest](c).Purpose
		return answered(c, func(o ...gateway.Option) (*gateway.File, error) {
			return client.Files.Create(c.ctx, request, o...)
		})
	case "files.content":
		return c.content()
	case "files.list":
		return items(client.Files.ListAll(c.ctx, filesParams(c), c.options...))
	case "keys.list":
		return items(client.Manage.APIKeys.ListAll(c.ctx, gateway.ManageAPIKeysListParams{}, c.options...))
	case "chat.stream":
		stream, err := client.Chat.Completions.Stream(c.ctx, body[gateway.ChatCompletionRequest](c), c.options...)
		return streamed(stream, err)
	case "responses.stream":
		stream, err := client.Responses.Stream(c.ctx, body[gateway.ResponseRequest](c), c.options...)
		return streamed(stream, err)
	case "messages.stream":
		stream, err := client.Messages.Stream(c.ctx, body[gateway.MessageRequest](c), c.options...)
		return streamed(stream, err)
	}
	return outcome{}, errors.New("unknown operation " + operation)
}

func filesParams(c *caller) gateway.FilesListParams {
	var params gateway.FilesListParams
	if raw, isThere := c.args["limit"]; isThere {
		_ = json.Unmarshal(raw, &params.Limit)
	}
	if raw, isThere := c.args["purpose"]; isThere {
		_ = json.Unmarshal(raw, &params.Purpose)
	}
	return params
}

func (c *caller) content() (outcome, error) {
	file, err := c.client.Files.Content(c.ctx, c.take("file_id"), c.options...)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	return outcome{"text": string(data)}, err
}

func answered[T any](c *caller, call func(options ...gateway.Option) (T, error)) (outcome, error) {
	var meta gateway.Meta
	answer, err := call(append(c.options, gateway.WithMeta(&meta))...)
	if err != nil {
		return nil, err
	}
	found := outcome{"answer": answer, "gateway": outcome{
		"status": meta.StatusCode, "request_id": orNull(meta.RequestID), "cost": orNull(string(meta.Cost)),
		"cache": orNull(meta.Cache), "provider": orNull(meta.Provider), "attempts": numberOrNull(meta.Attempts),
		"retries": meta.Tries - 1, "replayed": meta.IsReplay,
	}}
	if chat, isChat := any(answer).(*gateway.ChatCompletion); isChat {
		read := []any{}
		for _, choice := range chat.Choices {
			content, isSet := choice.Message.Content.Get()
			read = append(read, orNullUnless(isSet, content))
		}
		found["read"] = read
	}
	return found, nil
}

func orNull(text string) any { return orNullUnless(text != "", text) }

func numberOrNull(number int) any {
	if number == 0 {
		return nil
	}
	return number
}

func orNullUnless(isThere bool, text string) any {
	if isThere {
		return text
	}
	return nil
}

func items[T any](all *gateway.Items[T]) (outcome, error) {
	found := []T{}
	for all.Next() {
		found = append(found, all.Current())
	}
	return outcome{"items": found}, all.Err()
}

func streamed[E, R any](stream *gateway.Stream[E, R], err error) (outcome, error) {
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	events, text := []any{}, ""
	for stream.Next() {
		event := any(stream.Current())
		if _, isUnknown := event.(gateway.Unknown); isUnknown {
			event = "?"
		}
		events = append(events, event)
		if chunk, isChunk := event.(gateway.ChatCompletionChunk); isChunk {
			for _, choice := range chunk.Choices {
				text += choice.Delta.Content.Value()
			}
		}
	}
	found := outcome{"events": events}
	if err := stream.Err(); err != nil {
		return found, err
	}
	if len(text) > 100_000 {
		return outcome{"text_length": len(text)}, nil
	}
	found["text"], found["whole"], found["cost"] = text, stream.Partial(), orNull(string(stream.Meta().Cost))
	return found, nil
}

func told(err error) outcome {
	found := outcome{"kind": kindOf(err)}
	var failed *gateway.APIError
	var broken *gateway.StreamInterruptedError
	var late *gateway.TimeoutError
	var lost *gateway.ConnectionError
	if errors.As(err, &failed) {
		found["status"], found["code"], found["message"] = failed.StatusCode, orNull(failed.Code), failed.Message
		found["request_id"], found["retry_after_s"] = orNull(failed.RequestID()), nil
		if failed.RetryAfter > 0 {
			found["retry_after_s"] = failed.RetryAfter.Seconds()
		}
	}
	if errors.As(err, &late) {
		found["phase"], found["sent"] = late.Phase, late.Sent
	}
	if errors.As(err, &lost) {
		found["sent"] = lost.Sent
	}
	if errors.As(err, &broken) {
		found["request_id"], found["partial_text"] = orNull(broken.Meta.RequestID), partialText(broken.Partial)
	}
	return found
}

// partialText is the text of a chat that broke off.
func partialText(raw json.RawMessage) any {
	var whole gateway.ChatCompletion
	if json.Unmarshal(raw, &whole) != nil {
		return nil
	}
	text := ""
	for _, choice := range whole.Choices {
		text += choice.Message.Content.Value()
	}
	return text
}

// kindOf is the most particular kind, in Pascal case.
func kindOf(err error) string {
	if errors.Is(err, context.Canceled) {
		return "Cancelled"
	}
	kinds := []gateway.Kind{gateway.ErrStreamInterrupted, gateway.ErrTimeout, gateway.ErrConnection, gateway.ErrDecode,
		gateway.ErrConfiguration}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return pascal(string(kind))
		}
	}
	var failed *gateway.APIError
	if errors.As(err, &failed) {
		return strings.TrimSuffix(pascal(string(failed.Kind())), "Error")
	}
	return err.Error()
}

func pascal(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
