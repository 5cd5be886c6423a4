package llmgateway

import (
	"encoding/json"
	"sort"
	"strings"
)

// A fold adds the events of a stream up to the answer that the same call without a stream would have had.
type fold interface {
	add(data []byte)
	whole() any // nil before the first event
}

func newFold(rule string) fold {
	switch rule {
	case "chat":
		return &chatFold{kind: "chat.completion"}
	case "completion":
		return &chatFold{kind: "text_completion"}
	case "responses":
		return &responsesFold{}
	case "messages":
		return &messagesFold{}
	}
	return nil
}

type object map[string]json.RawMessage

// chatFold is of chunks of a chat or of a text completion: texts are joined, tool calls by their index.
type chatFold struct {
	kind    string
	head    object
	usage   json.RawMessage
	choices []*foldedChoice
}

type foldedChoice struct {
	index  int
	finish json.RawMessage
	role   string
	texts  map[string]*strings.Builder
	calls  []*foldedCall
}

type foldedCall struct {
	index     int
	id, name  string
	arguments strings.Builder
}

type chunk struct {
	Usage   json.RawMessage `json:"usage"`
	Choices []struct {
		Index        int             `json:"index"`
		FinishReason json.RawMessage `json:"finish_reason"`
		Text         *string         `json:"text"`
		Delta        struct {
			Role             string  `json:"role"`
			Content          *string `json:"content"`
			Refusal          *string `json:"refusal"`
			ReasoningContent *string `json:"reasoning_content"`
			ToolCalls        []struct {
				Index    int    `json:"index"`
				ID       string `json:"id"`
				Function struct {
					Name      string `json:"name"`
					Arguments string `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
}

func (f *chatFold) add(data []byte) {
	if f.head == nil && json.Unmarshal(data, &f.head) != nil {
		return
	}
	var said chunk
	if json.Unmarshal(data, &said) != nil {
		return
	}
	if len(said.Usage) > 0 && !isNull(said.Usage) {
		f.usage = said.Usage
	}
	for _, each := range said.Choices {
		choice := f.choice(each.Index)
		if len(each.FinishReason) > 0 && !isNull(each.FinishReason) {
			choice.finish = each.FinishReason
		}
		if each.Delta.Role != "" {
			choice.role = each.Delta.Role
		}
		choice.text("text", each.Text)
		choice.text("content", each.Delta.Content)
		choice.text("refusal", each.Delta.Refusal)
		choice.text("reasoning_content", each.Delta.ReasoningContent)
		for _, part := range each.Delta.ToolCalls {
			call := choice.call(part.Index)
			call.arguments.WriteString(part.Function.Arguments)
			if part.ID != "" {
				call.id = part.ID
			}
			if part.Function.Name != "" {
				call.name = part.Function.Name
			}
		}
	}
}

func (f *chatFold) choice(index int) *foldedChoice {
	for _, choice := range f.choices {
		if choice.index == index {
			return choice
		}
	}
	choice := &foldedChoice{index: index, role: "assistant", texts: map[string]*strings.Builder{}}
	f.choices = append(f.choices, choice)
	return choice
}

func (c *foldedChoice) text(name string, more *string) {
	if more == nil {
		return
	}
	if c.texts[name] == nil {
		c.texts[name] = &strings.Builder{}
	}
	c.texts[name].WriteString(*more)
}

func (c *foldedChoice) call(index int) *foldedCall {
	for _, call := range c.calls {
		if call.index == index {
			return call
		}
	}
	call := &foldedCall{index: index}
	c.calls = append(c.calls, call)
	return call
}

func (f *chatFold) whole() any {
	if f.head == nil {
		return nil
	}
	choices := make([]any, len(f.choices))
	for i, choice := range f.choices {
		choices[i] = choice.whole(f.kind == "chat.completion")
	}
	found := map[string]any{}
	for name, value := range f.head {
		found[name] = value
	}
	found["object"], found["choices"] = f.kind, choices
	if f.usage != nil {
		found["usage"] = f.usage
	}
	return found
}

func (c *foldedChoice) whole(isChat bool) map[string]any {
	found := map[string]any{"index": c.index, "finish_reason": nil}
	if c.finish != nil {
		found["finish_reason"] = c.finish
	}
	into := found
	if isChat {
		into = map[string]any{"role": c.role}
		found["message"] = into
	}
	for name, text := range c.texts {
		into[name] = text.String()
	}
	if len(c.calls) > 0 {
		calls := make([]any, len(c.calls))
		for i, call := range c.calls {
			function := map[string]any{"name": call.name, "arguments": call.arguments.String()}
			calls[i] = map[string]any{"index": call.index, "id": call.id, "type": "function", "function": function}
		}
		into["tool_calls"] = calls
	}
	return found
}

// responsesFold is of OpenAI's Responses: the last event holds the whole; before it, the items that are done and the
// text so far.
type responsesFold struct {
	response object
	isFinal  bool
	items    map[int]any
	texts    map[int]*strings.Builder
}

func (f *responsesFold) add(data []byte) {
	var said struct {
		Type        string          `json:"type"`
		Response    object          `json:"response"`
		OutputIndex int             `json:"output_index"`
		Item        json.RawMessage `json:"item"`
		Delta       json.RawMessage `json:"delta"`
	}
	if json.Unmarshal(data, &said) != nil {
		return
	}
	switch {
	case said.Response != nil:
		f.response = said.Response
		f.isFinal = said.Type == "response.completed" || said.Type == "response.incomplete" ||
			said.Type == "response.failed"
	case said.Type == "response.output_item.done":
		if f.items == nil {
			f.items = map[int]any{}
		}
		f.items[said.OutputIndex] = said.Item
	case said.Type == "response.output_text.delta":
		var text string
		if decodeString(said.Delta, &text) == nil {
			builderAt(&f.texts, said.OutputIndex).WriteString(text)
		}
	}
}

func builderAt[K comparable](texts *map[K]*strings.Builder, key K) *strings.Builder {
	if *texts == nil {
		*texts = map[K]*strings.Builder{}
	}
	if (*texts)[key] == nil {
		(*texts)[key] = &strings.Builder{}
	}
	return (*texts)[key]
}

func (f *responsesFold) whole() any {
	if f.response == nil {
		return nil
	}
	if f.isFinal {
		return f.response
	}
	items := map[int]any{}
	for index, text := range f.texts {
		content := map[string]any{"type": "output_text", "text": text.String(), "annotations": []any{}}
		items[index] = map[string]any{
			"type": "message", "id": "", "role": "assistant", "status": "incomplete", "content": []any{content},
		}
	}
	for index, item := range f.items {
		items[index] = item
	}
	found := map[string]any{}
	for name, value := range f.response {
		found[name] = value
	}
	found["output"] = inOrder(items)
	return found
}

func inOrder[V any](items map[int]V) []V {
	indices := make([]int, 0, len(items))
	for index := range items {
		indices = append(indices, index)
	}
	sort.Ints(indices)
	found := make([]V, len(indices))
	for i, index := range indices {
		found[i] = items[index]
	}
	return found
}

// messagesFold is of Anthropic's Messages: blocks by their index; the delta of the message has why it stopped and the
// usage.
type messagesFold struct {
	message object
	blocks  map[int]object
	texts   map[blockText]*strings.Builder
}

type blockText struct {
	index int
	name  string
}

func (f *messagesFold) add(data []byte) {
	var said struct {
		Type    string `json:"type"`
		Index   int    `json:"index"`
		Message object `json:"message"`
		Block   object `json:"content_block"`
		Delta   object `json:"delta"`
		Usage   object `json:"usage"`
	}
	if json.Unmarshal(data, &said) != nil {
		return
	}
	switch said.Type {
	case "message_start":
		f.message = said.Message
	case "content_block_start":
		f.block(said.Index, said.Block)
	case "content_block_delta":
		f.delta(said.Index, said.Delta)
	case "message_delta":
		f.end(said.Delta, said.Usage)
	}
}

func (f *messagesFold) block(index int, said object) object {
	if f.blocks == nil {
		f.blocks = map[int]object{}
	}
	if said != nil || f.blocks[index] == nil {
		f.blocks[index] = object{}
		for name, value := range said {
			f.blocks[index][name] = value
		}
	}
	return f.blocks[index]
}

func (f *messagesFold) delta(index int, said object) {
	block := f.block(index, nil)
	for name, into := range map[string]string{"text": "text", "partial_json": "input", "thinking": "thinking"} {
		var text string
		if raw, isThere := said[name]; isThere && decodeString(raw, &text) == nil {
			builderAt(&f.texts, blockText{index, into}).WriteString(text)
		}
	}
	if signature, isThere := said["signature"]; isThere {
		block["signature"] = signature
	}
}

func (f *messagesFold) end(delta, usage object) {
	if f.message == nil {
		return
	}
	for name, value := range delta {
		if !isNull(value) {
			f.message[name] = value
		}
	}
	var merged object
	if json.Unmarshal(f.message["usage"], &merged) != nil || merged == nil {
		merged = object{}
	}
	for name, value := range usage {
		merged[name] = value
	}
	if raw, err := encodeJSON(merged); err == nil {
		f.message["usage"] = raw
	}
}

func (f *messagesFold) whole() any {
	if f.message == nil {
		return nil
	}
	blocks := map[int]any{}
	for index, block := range f.blocks {
		whole := map[string]any{}
		for name, value := range block {
			whole[name] = value
		}
		blocks[index] = whole
	}
	for at, text := range f.texts {
		whole := blocks[at.index].(map[string]any)
		if at.name != "input" {
			whole[at.name] = text.String()
		} else {
			whole[at.name] = toolInput(text.String())
		}
	}
	found := map[string]any{}
	for name, value := range f.message {
		found[name] = value
	}
	found["content"] = inOrder(blocks)
	return found
}

// toolInput is the input of a tool. It may have broken off: then what came stands under partial_json.
func toolInput(text string) any {
	if text == "" {
		return object{}
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return map[string]any{"partial_json": text}
}
