package llmgateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind is what an error is about. [errors.Is] compares an error with one:
//
//	if errors.Is(err, llmgateway.ErrBudgetExceeded) { … }
type Kind string

// Error makes a Kind an error that can be compared with.
func (k Kind) Error() string { return string(k) }

// Kinds of answers, by their HTTP status. Those by the gateway's code are in codes.go; such an error is also of the kind
// of its status.
const (
	ErrBadRequest       Kind = "bad request" // 400, and other refusals of what was sent (405, 413, 415 …)
	ErrAuthentication   Kind = "authentication failed"
	ErrPaymentRequired  Kind = "payment required"  // 402: a budget is used up; never retried
	ErrPermissionDenied Kind = "permission denied" // 403
	ErrNotFound         Kind = "not found"         // 404
	ErrConflict         Kind = "conflict"          // 409
	ErrUnprocessable    Kind = "unprocessable"     // 422
	ErrRateLimited      Kind = "rate limited"      // 429
	ErrServer           Kind = "server"            // 500 and above
)

// Kinds of what goes wrong outside of an answer.
const (
	ErrConfiguration     Kind = "configuration"      // an option or environment variable
	ErrConnection        Kind = "connection failed"  // no answer
	ErrTimeout           Kind = "timed out"          // one of [Timeouts]
	ErrStreamInterrupted Kind = "stream interrupted" // it broke off before its end
	ErrDecode            Kind = "decode"             // it is not what was declared
)

var kindsByStatus = map[int]Kind{
	401: ErrAuthentication, 402: ErrPaymentRequired, 403: ErrPermissionDenied, 404: ErrNotFound, 409: ErrConflict,
	422: ErrUnprocessable, 429: ErrRateLimited,
}

// APIError is an answer that says what is wrong. That of an error event within a stream has the status 200, and is
// wrapped by a [StreamInterruptedError].
type APIError struct {
	StatusCode int
	Code       string       // stable; empty when the answer has none
	Type       string       // the vendor's word for the class of error
	Message    string       // for people
	Param      string       // the field at fault
	Fields     []FieldError // faulty inputs of a management call
	Meta       Meta
	Body       []byte // as it came, up to 1 MiB

	RetryAfter     time.Duration // 0 when the answer does not say
	BudgetID       string        // the budget that binds
	BudgetResetsAt time.Time     // zero when it does not begin anew
}

// FieldError is one faulty input of a management call. Field is a dotted path, empty for the whole.
type FieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// RequestID finds the call in the gateway's console and logs.
func (e *APIError) RequestID() string { return e.Meta.RequestID }

// DocURL is the page that explains Code; empty when there is none, or when the package was made without an address for
// documentation.
func (e *APIError) DocURL() string {
	if e.Code == "" || errorDocsURL == "" {
		return ""
	}
	return errorDocsURL + "#" + url.PathEscape(e.Code)
}

func (e *APIError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d", e.StatusCode)
	if e.Code != "" {
		text.WriteString(" " + e.Code)
	}
	text.WriteString(": " + e.Message)
	if id := e.RequestID(); id != "" {
		text.WriteString(" (request " + id + ")")
	}
	return text.String()
}

// Kind is the most particular kind of the error: that of its code where it has the code's status too, else that of its
// status. The status of an event within a stream says nothing of it.
func (e *APIError) Kind() Kind {
	kind, status := kindOfCode(e.Code)
	if kind != "" && (status == e.StatusCode || e.StatusCode == http.StatusOK) {
		return kind
	}
	return e.statusKind()
}

func (e *APIError) statusKind() Kind {
	if kind, ok := kindsByStatus[e.StatusCode]; ok {
		return kind
	}
	if e.StatusCode >= 500 {
		return ErrServer
	}
	return ErrBadRequest
}

// Is serves [errors.Is].
func (e *APIError) Is(target error) bool { return target == e.Kind() || target == e.statusKind() }

// ConnectionError means that no answer came.
type ConnectionError struct {
	Err  error
	Sent bool // the gateway may have seen the request
}

func (e *ConnectionError) isSent() bool { return e.Sent }

func (e *ConnectionError) Error() string { return "no answer from the gateway: " + e.Err.Error() }

// Unwrap serves [errors.Is] and [errors.As].
func (e *ConnectionError) Unwrap() error { return e.Err }

// Is serves [errors.Is].
func (e *ConnectionError) Is(target error) bool { return target == ErrConnection }

// Phases of a call that [Timeouts] bound.
const (
	PhaseConnect   = "connect"
	PhaseFirstByte = "first_byte"
	PhaseIdle      = "idle"
	PhaseTotal     = "total"
)

// TimeoutError says which of the [Timeouts] has passed.
type TimeoutError struct {
	Phase string
	After time.Duration
	Sent  bool // the gateway may have seen the request
}

func (e *TimeoutError) isSent() bool { return e.Sent }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("time-out: the %s time of %s has passed", strings.ReplaceAll(e.Phase, "_", " "), e.After)
}

// Timeout makes it a [net.Error] in spirit.
func (e *TimeoutError) Timeout() bool { return true }

// Is serves [errors.Is].
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// StreamInterruptedError means that a stream ended before its end. What was received stays valid; the request is not
// sent again by itself, since the gateway bills what was generated.
type StreamInterruptedError struct {
	Events  int             // how many events had come
	Partial json.RawMessage // the answer as far as it has come; nil when events do not add up to one
	Meta    Meta
	Err     error // the cause: an [APIError] when the gateway said why; nil when the stream just ended
}

func (e *StreamInterruptedError) Error() string {
	text := fmt.Sprintf("the stream broke off after %d events", e.Events)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Meta.RequestID != "" {
		text += " (request " + e.Meta.RequestID + ")"
	}
	return text
}

// Unwrap serves [errors.Is] and [errors.As].
func (e *StreamInterruptedError) Unwrap() error { return e.Err }

// Is serves [errors.Is].
func (e *StreamInterruptedError) Is(target error) bool { return target == ErrStreamInterrupted }

// DecodeError means that an answer is not what was declared. Body is as it came.
type DecodeError struct {
	Body []byte
	Meta Meta
	Err  error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("the answer cannot be read: %s (request %s)", e.Err, e.Meta.RequestID)
}

// Unwrap serves [errors.Is] and [errors.As].
func (e *DecodeError) Unwrap() error { return e.Err }

// Is serves [errors.Is].
func (e *DecodeError) Is(target error) bool { return target == ErrDecode }

// errorBody has the fields of OpenAI's and Anthropic's envelopes and of problem details (RFC 9457).
type errorBody struct {
	Error *struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    any     `json:"code"`
	} `json:"error"`

	Title     string       `json:"title"`
	Detail    string       `json:"detail"`
	Code      any          `json:"code"`
	Type      string       `json:"type"`
	Message   string       `json:"message"`
	Param     *string      `json:"param"`
	Errors    []FieldError `json:"errors"`
	RequestID string       `json:"request_id"`
}

// anthropicCodes are the gateway's codes behind the types of Anthropic's envelope, which has no place for a code.
var anthropicCodes = map[string]string{"billing_error": "budget_exceeded"}

// newAPIError reads an answer of status 400 and above, or the data of an error event.
func newAPIError(meta Meta, body []byte) *APIError {
	failed := &APIError{StatusCode: meta.StatusCode, Meta: meta, Body: body}
	if meta.Header != nil {
		failed.RetryAfter, _ = retryAfter(meta.Header, time.Now())
		failed.BudgetID = meta.Header.Get("X-Gateway-Budget")
		failed.BudgetResetsAt, _ = time.Parse(time.RFC3339, meta.Header.Get("X-Gateway-Budget-Resets-At"))
	}
	var said errorBody
	if json.Unmarshal(body, &said) == nil {
		failed.read(&said)
	}
	if failed.Message == "" {
		failed.Message = excerpt(body, meta.StatusCode)
	}
	return failed
}

func (e *APIError) read(said *errorBody) {
	e.Fields = said.Errors
	if e.Meta.RequestID == "" {
		e.Meta.RequestID = said.RequestID
	}
	if inner := said.Error; inner != nil {
		e.Message, e.Type, e.Code = inner.Message, inner.Type, text(inner.Code)
		e.Param = value(inner.Param)
		if e.Code == "" {
			e.Code = anthropicCodes[inner.Type]
		}
		return
	}
	e.Message, e.Type, e.Code, e.Param = said.Detail, said.Type, text(said.Code), value(said.Param)
	if e.Message == "" {
		e.Message = said.Message
	}
	if e.Message == "" {
		e.Message = said.Title
	}
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// text is a code that is a string, or a number as some providers have it.
func text(code any) string {
	switch code := code.(type) {
	case string:
		return code
	case float64:
		return fmt.Sprintf("%.0f", code)
	}
	return ""
}

func excerpt(body []byte, status int) string {
	const most = 200
	shown := string(bytes.ToValidUTF8(bytes.TrimSpace(body), []byte("\uFFFD")))
	if shown == "" {
		return http.StatusText(status)
	}
	if runes := []rune(shown); len(runes) > most {
		shown = string(runes[:most]) + "…"
	}
	return shown
}
