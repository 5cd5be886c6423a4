package llmgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"
)

// streamRules say how a stream ends, and what its events are together.
type streamRules struct {
	done  string   // the data of the last event, which is no JSON; empty: there is none
	last  []string // names (or types) of events after which the stream is complete
	fold  string   // the rule by which events add up to the whole answer; empty: they do not
	named bool     // events are a union and have names; else one that has a name is unknown
}

// mostUnknown bounds what is kept of events that a stream has no place for.
const mostUnknown = 100

// Stream is an answer that comes in events of type E, which together are an R. It has to be closed, unless it is read to
// its end:
//
//	defer stream.Close()
//	for stream.Next() {
//		use(stream.Current())
//	}
//	if err := stream.Err(); err != nil { … }
//
// Close, and the end of the context, stop the answer. A stream is for one goroutine.
type Stream[E, R any] struct {
	answer  *answer
	events  *eventReader
	rules   streamRules
	fold    fold
	current E
	event   Event
	unknown []Event
	count   int
	isOver  bool
	isWhole bool // it is complete; its connection is on its way back to the others
	err     error
}

// callStream makes a call whose answer is a stream.
func callStream[E, R any](
	ctx context.Context, c *core, r *request, rules streamRules, options []Option,
) (*Stream[E, R], error) {
	r.accept = "text/event-stream"
	a, err := c.send(ctx, r, bodyToFollow, append([]Option{withHelper("stream")}, options...))
	if err != nil {
		return nil, err
	}
	s := &Stream[E, R]{answer: a, rules: rules, fold: newFold(rules.fold)}
	s.events = newEventReader(a.body, func(text string) { a.meta.readComment(text) })
	return s, nil
}

// Next reads the next event; false at the end, and when something went wrong: see Err.
func (s *Stream[E, R]) Next() bool {
	for !s.isOver {
		event, err := s.events.next()
		switch {
		case err == io.EOF:
			s.ended()
		case err != nil:
			s.fail(s.interrupted(s.answer.failure(err)))
		case s.rules.done != "" && string(event.Data) == s.rules.done:
			s.finish()
		case s.take(event):
			return true
		}
	}
	return false
}

// take makes an event the current one; false for an event that is none.
func (s *Stream[E, R]) take(event Event) bool {
	data := bytes.TrimSpace(event.Data)
	if !json.Valid(data) {
		s.fail(s.interrupted(&DecodeError{Body: copied(event.Data), Meta: s.answer.meta, Err: errSyntax}))
		return false
	}
	if event.Name == "error" || hasError(data) {
		failed := newAPIError(s.answer.meta, copied(data))
		failed.RetryAfter = 0
		if failed.Code == "" {
			failed.Code = failed.Type
		}
		s.fail(s.interrupted(failed))
		return false
	}
	if !s.rules.named && event.Name != "" && event.Name != "message" {
		if len(s.unknown) < mostUnknown {
			event.Data = copied(event.Data)
			s.unknown = append(s.unknown, event)
		}
		return false
	}
	var value E
	if err := decodeInto(data, &value); err != nil {
		s.fail(s.interrupted(&DecodeError{Body: copied(event.Data), Meta: s.answer.meta, Err: err}))
		return false
	}
	if s.fold != nil {
		s.fold.add(data)
	}
	s.current, s.event = value, event
	s.count++
	if s.isLast(event, data) {
		s.finish()
	}
	return true
}

func copied(data []byte) []byte { return append([]byte(nil), data...) }

// Current is the event that Next has read.
func (s *Stream[E, R]) Current() E { return s.current }

// Event is the same as it came; its data is valid until the next call of Next.
func (s *Stream[E, R]) Event() Event { return s.event }

// Unknown are the events, at most 100, of a name that this stream has no place for. A stream whose events are a union has
// them among its events.
func (s *Stream[E, R]) Unknown() []Event { return s.unknown }

// Partial is the answer as far as it has come, in the shape of the call without a stream; nil when nothing has come, or
// when events do not add up to an answer.
func (s *Stream[E, R]) Partial() *R {
	raw := s.partial()
	if raw == nil {
		return nil
	}
	whole := new(R)
	if err := decodeDocument(raw, whole); err != nil {
		return nil
	}
	return whole
}

// Result reads the rest and returns the whole answer.
func (s *Stream[E, R]) Result() (*R, error) {
	for s.Next() {
	}
	return s.Partial(), s.err
}

func (s *Stream[E, R]) partial() json.RawMessage {
	if s.fold == nil {
		return nil
	}
	whole := s.fold.whole()
	if whole == nil {
		return nil
	}
	raw, err := encodeJSON(whole)
	if err != nil {
		return nil
	}
	return raw
}

// Err tells what ended the stream; nil when it is complete, or was closed.
func (s *Stream[E, R]) Err() error { return s.err }

// Meta is what the answer says beside its events. The cost is known at the end.
func (s *Stream[E, R]) Meta() Meta { return s.answer.meta }

// Close stops the answer, at whatever place it is.
func (s *Stream[E, R]) Close() error {
	s.isOver = true
	if !s.isWhole {
		s.answer.close()
	}
	return nil
}

// ended decides what the end of the body means.
func (s *Stream[E, R]) ended() {
	if s.rules.done == "" && len(s.rules.last) == 0 {
		s.finish()
	} else {
		s.fail(s.interrupted(nil))
	}
}

func (s *Stream[E, R]) finish() {
	s.isOver, s.isWhole = true, true
	s.answer.report()
	go s.answer.drain()
}

func (s *Stream[E, R]) fail(err error) {
	s.err, s.isOver = err, true
	s.answer.report()
	s.answer.close()
}

// interrupted has what was received beside the cause. The caller's own cancellation stays what it is.
func (s *Stream[E, R]) interrupted(cause error) error {
	if cause == context.Canceled || cause == context.DeadlineExceeded {
		return cause
	}
	return &StreamInterruptedError{Events: s.count, Partial: s.partial(), Meta: s.answer.meta, Err: cause}
}

// hasError tells whether an object has an object in its field `error`. The other objects that have one, a chunk and a
// response, have it beside what they are.
func hasError(data []byte) bool {
	if !bytes.Contains(data, []byte(`"error"`)) {
		return false
	}
	hasError, isMore := false, false
	_ = eachField(data, func(name, value []byte) error {
		switch string(name) {
		case "error":
			hasError = value[0] == '{'
		case "choices", "response":
			isMore = true
		}
		return nil
	})
	return hasError && !isMore
}

func (s *Stream[E, R]) isLast(event Event, data []byte) bool {
	if len(s.rules.last) == 0 {
		return false
	}
	name := event.Name
	if name == "" {
		name = tagOf(data, "type")
	}
	for _, last := range s.rules.last {
		if name == last {
			return true
		}
	}
	return false
}

// drain reads the little that follows a complete stream, so that its connection can be used again.
func (a *answer) drain() {
	const most, longest = 64 << 10, 2 * time.Second
	timer := time.AfterFunc(longest, a.close)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, a.response.Body, most)
	a.close()
}
