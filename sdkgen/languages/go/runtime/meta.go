package llmgateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Meta is what an answer says beside its body.
type Meta struct {
	StatusCode int
	Header     http.Header
	Body       []byte // of an answer that is one JSON document, as it came
	Tries      int    // how often the SDK sent the request

	RequestID         string
	Provider          string  // slug of the provider that answered
	Model             string  // name of the model that answered
	Cache             string  // "hit", "miss" or "bypass"
	Cost              Decimal // of the answering attempt; empty when no price is known, or not known yet
	Attempts          int     // how many providers the gateway tried
	IsReplay          bool    // the stored answer of an earlier request with this idempotency key
	OriginalRequestID string  // of that request
	RateLimit         RateLimit
}

// RateLimit is what is left of the limits that apply. A field is nil when no limit of its kind does.
type RateLimit struct {
	Requests, Tokens *Allowance
}

// Allowance is what is left of one limit.
type Allowance struct {
	Limit     int64
	Remaining int64
	Reset     time.Duration // from when the answer was made
}

func newMeta(response *http.Response, tries int) Meta {
	header := response.Header
	meta := Meta{
		StatusCode: response.StatusCode,
		Header:     header,
		Tries:      tries,

		RequestID:         header.Get("X-Request-Id"),
		Provider:          header.Get("X-Gateway-Provider"),
		Model:             header.Get("X-Gateway-Model"),
		Cache:             header.Get("X-Gateway-Cache"),
		Cost:              Decimal(header.Get("X-Gateway-Cost")),
		IsReplay:          header.Get("X-Gateway-Idempotent-Replay") == "true",
		OriginalRequestID: header.Get("X-Gateway-Original-Request-Id"),
		RateLimit:         RateLimit{allowance(header, "requests"), allowance(header, "tokens")},
	}
	meta.Attempts, _ = strconv.Atoi(header.Get("X-Gateway-Attempts"))
	return meta
}

func allowance(header http.Header, kind string) *Allowance {
	limit, err := strconv.ParseInt(header.Get("X-Ratelimit-Limit-"+kind), 10, 64)
	if err != nil {
		return nil
	}
	remaining, err := strconv.ParseInt(header.Get("X-Ratelimit-Remaining-"+kind), 10, 64)
	if err != nil {
		return nil
	}
	return &Allowance{limit, remaining, resetIn(header.Get("X-Ratelimit-Reset-" + kind))}
}

// resetIn reads 1.5s, 6m0s (OpenAI's way) and plain seconds.
func resetIn(text string) time.Duration {
	if wait, err := time.ParseDuration(text); err == nil {
		return wait
	}
	seconds, _ := strconv.ParseFloat(text, 64)
	return time.Duration(seconds * float64(time.Second))
}

// readComment takes the cost from the comment with which the gateway ends a stream: `: gateway {"cost":"0.1"}`.
func (m *Meta) readComment(comment string) {
	body, isOurs := cutPrefix(strings.TrimSpace(comment), "gateway ")
	if !isOurs {
		return
	}
	var said struct {
		Cost *Decimal `json:"cost"`
	}
	if json.Unmarshal([]byte(body), &said) == nil && said.Cost != nil {
		m.Cost = *said.Cost
	}
}

func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}
