package llmgateway

import (
	"net/http"
	"time"
)

// What the generator writes into an SDK, as small as it can be.
const (
	sdkVersion     = "1.4.0"
	specSHA        = "ab12cd"
	defaultBaseURL = "http://localhost:8000"
	errorDocsURL   = "https://gateway.example/docs/reference/errors"
)

const DefaultMaxRetries = 2

func DefaultTimeouts() Timeouts {
	return Timeouts{5 * time.Second, 2 * time.Minute, time.Minute, 10 * time.Minute}
}

func defaultHeader() http.Header { return http.Header{} }

const (
	ErrBudgetExceeded       Kind = "budget exceeded"
	ErrIdempotencyKeyReused Kind = "idempotency key reused"
)

func kindOfCode(code string) (Kind, int) {
	switch code {
	case "budget_exceeded":
		return ErrBudgetExceeded, 402
	case "idempotency_key_reused":
		return ErrIdempotencyKeyReused, 422
	}
	return "", 0
}
