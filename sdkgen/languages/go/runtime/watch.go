package llmgateway

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"time"
)

// total ends a whole call after its time.
type total struct {
	after  time.Duration
	end    time.Time
	parent context.Context
	timer  *time.Timer
	mu     sync.Mutex
	passed bool
}

func newTotal(parent context.Context, after time.Duration, cancel context.CancelFunc) *total {
	t := &total{after: after, end: time.Now().Add(after), parent: parent}
	if after > 0 {
		t.timer = time.AfterFunc(after, func() {
			t.mu.Lock()
			t.passed = true
			t.mu.Unlock()
			cancel()
		})
	}
	return t
}

// hasRoomFor tells whether a pause ends before the time does.
func (t *total) hasRoomFor(pause time.Duration) bool {
	return t.after <= 0 || time.Until(t.end) > pause
}

func (t *total) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// reason is why the call has ended as a whole: the caller's own end of the context, or the time that has passed. nil
// while it has not.
func (t *total) reason() error {
	if cause := t.parent.Err(); cause != nil {
		return cause
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.passed {
		return &TimeoutError{Phase: PhaseTotal, After: t.after, Sent: true}
	}
	return nil
}

// watch ends one attempt when the phase it is in takes too long. Only one phase is timed at once.
type watch struct {
	ctx    context.Context
	cancel context.CancelFunc
	total  *total

	mu       sync.Mutex
	timer    *time.Timer
	phase    string
	after    time.Duration
	deadline time.Time
	expired  *TimeoutError
	sent     bool // something of the request may have left
	stopped  bool
}

func newWatch(parent context.Context, timeouts Timeouts, total *total) *watch {
	w := &watch{total: total}
	ctx, cancel := context.WithCancel(parent)
	w.cancel = cancel
	w.ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { w.arm(PhaseConnect, timeouts.Connect) },
		GotConn:      func(httptrace.GotConnInfo) { w.connected() },
		WroteRequest: func(httptrace.WroteRequestInfo) { w.arm(PhaseFirstByte, timeouts.FirstByte) },
	})
	return w
}

// arm begins a phase; no time means that it has no end.
func (w *watch) arm(phase string, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.phase == PhaseIdle && phase != PhaseIdle { // a late word of the transport
		return
	}
	w.phase, w.after, w.deadline = phase, after, time.Now().Add(after)
	switch {
	case after <= 0:
		if w.timer != nil {
			w.timer.Stop()
		}
	case w.timer == nil:
		w.timer = time.AfterFunc(after, w.expire)
	default:
		w.timer.Reset(after)
	}
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	isLate := w.after <= 0 || time.Now().Before(w.deadline) // it fired while another phase was begun
	if !w.stopped && !isLate {
		w.expired = &TimeoutError{Phase: w.phase, After: w.after, Sent: w.sent}
		w.cancel()
	}
}

// connected ends the timing until the request is written: sending a large body may take its time.
func (w *watch) connected() {
	w.arm("", 0)
	w.mu.Lock()
	w.sent = true
	w.mu.Unlock()
}

// rest stops the timing while the caller works on what it has received.
func (w *watch) rest() { w.arm(w.phase, 0) }

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel()
}

// explain is what a failed attempt means to the caller.
func (w *watch) explain(err error) error {
	w.mu.Lock()
	expired, sent := w.expired, w.sent
	w.mu.Unlock()
	if expired != nil {
		return expired
	}
	if reason := w.total.reason(); reason != nil {
		return reason
	}
	if errors.Is(err, ErrConfiguration) {
		return err
	}
	return &ConnectionError{Err: err, Sent: sent}
}

// watchedReader bounds the silence between two reads. The caller's own time between them does not count.
type watchedReader struct {
	body  io.Reader
	watch *watch
	idle  time.Duration
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watch.arm(PhaseIdle, r.idle)
	n, err := r.body.Read(p)
	r.watch.rest()
	return n, err
}
