package llmgateway

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstPause    = 500 * time.Millisecond
	longestPause  = 8 * time.Second
	longestWait   = 60 * time.Second // more is not waited for, whatever the server asks
	jitter        = 0.25
	idempotentKey = "Idempotency-Key"
)

// isRetryable tells whether an answer may be another one when the request is sent again. 402 never is: a budget does
// not fill by asking.
func (e *APIError) isRetryable() bool {
	if e.StatusCode == http.StatusPaymentRequired {
		return false
	}
	switch e.Meta.Header.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	switch e.StatusCode {
	case 408, 429, 500, 502, 503, 504, 529:
		return true
	}
	return e.Code == "idempotency_in_flight"
}

// pauseBefore is how long to wait before the given retry (from 0); false when the server asks for more than is waited
// for.
func pauseBefore(retry int, header http.Header, now time.Time, random float64) (time.Duration, bool) {
	if wait, isGiven := retryAfter(header, now); isGiven {
		return wait, wait <= longestWait
	}
	pause := float64(firstPause) * math.Pow(2, float64(retry))
	pause = math.Min(pause, float64(longestPause))
	return time.Duration(pause * (1 - jitter*random)), true
}

// retryAfter reads retry-after-ms, and Retry-After in seconds or as a date (RFC 9110, 10.2.3).
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e12 {
		return time.Duration(ms * float64(time.Millisecond)), true
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second)), true
	}
	if at, err := http.ParseTime(text); err == nil {
		if wait := at.Sub(now); wait > 0 {
			return wait, true
		}
		return 0, true
	}
	return 0, false
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// random is a number in [0, 1).
func random() float64 {
	var bits [8]byte
	if _, err := crand.Read(bits[:]); err != nil {
		return 0
	}
	return float64(binary.BigEndian.Uint64(bits[:])>>11) / (1 << 53)
}

// newIdempotencyKey is a UUID of version 4.
func newIdempotencyKey() (string, error) {
	var id [16]byte
	if _, err := crand.Read(id[:]); err != nil {
		return "", err
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	digits := hex.EncodeToString(id[:])
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-"), nil
}
