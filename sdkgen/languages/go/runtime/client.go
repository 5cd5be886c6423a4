package llmgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// longestError is how much of an error's body is read.
const longestError = 1 << 20

// core makes calls. It is safe for use by many goroutines, and so is each client.
type core struct {
	settings *settings
}

func newCore(options []Option) (*core, error) {
	settings, err := defaultSettings().with(append([]Option{fromEnvironment}, options...))
	if err != nil {
		return nil, err
	}
	if settings.doer == nil {
		settings.doer = newHTTPClient(settings.transport)
	}
	return &core{settings}, nil
}

// with is a client with other options on the same connections.
func (c *core) with(options []Option) (*core, error) {
	settings, err := c.settings.with(options)
	if err != nil {
		return nil, err
	}
	return &core{settings}, nil
}

// newHTTPClient keeps connections for reuse and follows no redirect, which could carry a key to another host.
func newHTTPClient(set *transportSettings) *http.Client {
	proxy := http.ProxyFromEnvironment
	if set.proxy != nil {
		proxy = http.ProxyURL(set.proxy)
	}
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               proxy,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     set.tls,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        200,
			MaxIdleConnsPerHost: 100,
			IdleConnTimeout:     90 * time.Second,
			WriteBufferSize:     32 << 10,
			ReadBufferSize:      32 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call makes a call whose answer is a JSON document.
func call[T any](ctx context.Context, c *core, r *request, options []Option) (*T, error) {
	a, err := c.send(ctx, r, wholeBody, options)
	if err != nil {
		return nil, err
	}
	result := new(T)
	if err := decodeDocument(a.meta.Body, result); err != nil {
		return nil, &DecodeError{Body: a.meta.Body, Meta: a.meta, Err: err}
	}
	return result, nil
}

// callEmpty makes a call whose answer has no body.
func callEmpty(ctx context.Context, c *core, r *request, options []Option) error {
	_, err := c.send(ctx, r, wholeBody, options)
	return err
}

// Binary is an answer that is a file. It has to be closed.
type Binary struct {
	Meta        Meta
	ContentType string
	Size        int64 // -1 when it is not known
	answer      *answer
}

// Read reads from the file.
func (b *Binary) Read(p []byte) (int, error) {
	n, err := b.answer.body.Read(p)
	if err != nil && err != io.EOF {
		err = b.answer.failure(err)
	}
	return n, err
}

// Close ends the answer, read to its end or not.
func (b *Binary) Close() error {
	b.answer.close()
	return nil
}

// callBinary makes a call whose answer is a file.
func callBinary(ctx context.Context, c *core, r *request, options []Option) (*Binary, error) {
	r.accept = "*/*"
	a, err := c.send(ctx, r, bodyToFollow, options)
	if err != nil {
		return nil, err
	}
	header := a.response.Header
	return &Binary{Meta: a.meta, ContentType: header.Get("Content-Type"), Size: a.response.ContentLength, answer: a}, nil
}

// An answer is the head of a successful answer, with its body still to be read.
type answer struct {
	meta     Meta
	response *http.Response
	body     io.Reader
	settings *settings
	watch    *watch
	done     func() // ends the context of the call
	closed   atomic.Bool
}

// report hands the answer's facts to who asked for them by WithMeta.
func (a *answer) report() {
	for _, meta := range a.settings.meta {
		*meta = a.meta
	}
}

func (a *answer) close() {
	if a.closed.CompareAndSwap(false, true) {
		a.watch.stop()
		_ = a.response.Body.Close()
		a.done()
	}
}

func readAll(r io.Reader, size int64) ([]byte, error) {
	const trusted = 1 << 20 // a length that a header promises is not reserved beyond this
	if size < 0 {
		size = 512
	}
	if size > trusted {
		size = trusted
	}
	data := make([]byte, 0, size+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return data, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// failure is what a broken read means: a time-out, a cancellation, or a lost connection.
func (a *answer) failure(err error) error { return a.watch.explain(err) }

// What send does with the body of a successful answer.
const (
	wholeBody    = true  // it is read, and belongs to the attempt: when it breaks off there may be another one
	bodyToFollow = false // it is left to the caller, who has to close the answer
)

// send makes attempts until one is answered with success, or until no other one is allowed.
func (c *core) send(ctx context.Context, r *request, whole bool, options []Option) (*answer, error) {
	settings := c.settings
	if len(options) > 0 {
		var err error
		if settings, err = settings.with(options); err != nil {
			return nil, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	header, err := settings.headerOf(r)
	if err != nil {
		return nil, err
	}
	calling, cancel := context.WithCancel(ctx)
	total := newTotal(ctx, settings.timeouts.Total, cancel)
	sender := &sender{request: r, settings: settings, header: header, ctx: calling, total: total, whole: whole}
	a, err := sender.run()
	if err != nil {
		total.stop()
		cancel()
		return nil, err
	}
	a.done = func() { total.stop(); cancel() }
	a.report()
	if whole {
		a.close()
	}
	return a, nil
}

// sender is one call on its way.
type sender struct {
	request  *request
	settings *settings
	header   http.Header
	ctx      context.Context
	total    *total
	whole    bool
}

func (s *sender) run() (*answer, error) {
	for try := 0; ; try++ {
		begun := time.Now()
		a, err := s.attempt(try)
		s.log(try, a, err, time.Since(begun))
		if err == nil {
			return a, nil
		}
		pause, again := s.mayRepeat(try, err)
		if !again {
			return nil, err
		}
		s.settings.log(LogInfo, "retry", "operation", s.request.operation, "try", strconv.Itoa(try+1),
			"pause", pause.String())
		if s.settings.onRetry != nil {
			s.settings.onRetry(Retry{try + 1, pause, err})
		}
		if s.settings.sleep(s.ctx, pause) != nil {
			if reason := s.total.reason(); reason != nil {
				err = reason
			}
			return nil, err
		}
	}
}

// mayRepeat tells whether another attempt may be made, and after which pause. A request is sent again only when doing
// it twice is doing it once, when the gateway knows it by its idempotency key, or when nothing was done with it.
func (s *sender) mayRepeat(try int, err error) (time.Duration, bool) {
	if try >= s.settings.maxRetries || s.ctx.Err() != nil {
		return 0, false
	}
	if s.request.body != nil && !s.request.body.isRepeatable() {
		return 0, false
	}
	var failed *APIError
	var broken interface{ isSent() bool }
	header := http.Header{}
	switch {
	case errors.As(err, &failed):
		header = failed.Meta.Header
		if !failed.isRetryable() || !s.isSafe() && failed.StatusCode != http.StatusTooManyRequests {
			return 0, false
		}
	case errors.As(err, &broken):
		if broken.isSent() && !s.isSafe() {
			return 0, false
		}
	default:
		return 0, false
	}
	pause, again := pauseBefore(try, header, time.Now(), s.settings.random())
	return pause, again && s.total.hasRoomFor(pause)
}

func (s *sender) isSafe() bool {
	switch s.request.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return s.header.Get(idempotentKey) != ""
}

func (s *sender) attempt(try int) (*answer, error) {
	watch := newWatch(s.ctx, s.settings.timeouts, s.total)
	out, err := s.build(watch.ctx, try)
	if err != nil {
		watch.stop()
		return nil, err
	}
	watch.arm(PhaseFirstByte, s.settings.timeouts.FirstByte)
	response, err := s.settings.doer.Do(out)
	if err != nil {
		watch.stop()
		return nil, watch.explain(err)
	}
	watch.arm(PhaseIdle, s.settings.timeouts.Idle)
	meta := newMeta(response, try+1)
	a := &answer{meta: meta, response: response, settings: s.settings, watch: watch, done: func() {}}
	a.body = &watchedReader{response.Body, watch, s.settings.timeouts.Idle}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		if s.whole {
			a.meta.Body, err = readAll(a.body, response.ContentLength)
		}
		if err != nil {
			err = a.failure(err)
			a.close()
			return nil, err
		}
		return a, nil
	}
	defer a.close()
	data, _ := io.ReadAll(io.LimitReader(a.body, longestError))
	a.meta.Body = data
	a.report()
	return nil, newAPIError(a.meta, data)
}

func (s *sender) build(ctx context.Context, try int) (*http.Request, error) {
	var content io.Reader
	size := int64(0)
	if s.request.body != nil {
		opened, length, err := s.request.body.open()
		if err != nil {
			return nil, err
		}
		content, size = opened, length
		if size == 0 {
			_ = opened.Close()
			content = http.NoBody
		}
	}
	out, err := http.NewRequestWithContext(ctx, s.request.method, s.settings.urlOf(s.request), content)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrConfiguration, err)
	}
	out.ContentLength = size
	if body, isBytes := s.request.body.(bytesBody); isBytes {
		out.GetBody = func() (io.ReadCloser, error) { opened, _, err := body.open(); return opened, err }
	}
	out.Header = s.header.Clone()
	if s.settings.telemetry {
		out.Header.Set(telemetryHeader, telemetry(try, s.settings.helper))
	}
	return out, nil
}

func (s *settings) urlOf(r *request) string {
	query := cloneValues(r.query)
	for name, values := range s.query {
		query[name] = values
	}
	address := strings.TrimSuffix(s.baseURL.String(), "/") + r.path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// headerOf has what each attempt of a call sends alike. An empty value takes a header out.
func (s *settings) headerOf(r *request) (http.Header, error) {
	header := http.Header{}
	header.Set("Accept", r.accept)
	header.Set("User-Agent", userAgent)
	key, err := s.keyFor(r)
	if err != nil {
		return nil, err
	}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	if r.auth == withManagementKey && s.organization != "" {
		header.Set("X-Organization", s.organization)
	}
	if r.body != nil {
		header.Set("Content-Type", r.body.contentType())
	}
	if r.idempotent && s.idempotencyKey == "" {
		key, err := newIdempotencyKey()
		if err != nil {
			return nil, err
		}
		header.Set(idempotentKey, key)
	}
	for _, given := range []http.Header{r.header, s.header} {
		for name, values := range given {
			if len(values) == 1 && values[0] == "" {
				header.Del(name)
			} else {
				header[name] = values
			}
		}
	}
	return header, nil
}

func (s *settings) keyFor(r *request) (string, error) {
	key, name := s.apiKey, EnvAPIKey
	if r.auth == withManagementKey {
		key, name = s.managementKey, EnvManagementKey
	}
	if key == "" && r.auth != withoutKey && s.header.Get("Authorization") == "" {
		return "", fmt.Errorf("%w: this call needs a key: set %s, or give it as an option", ErrConfiguration, name)
	}
	if r.auth == withoutKey {
		return "", nil
	}
	return key, nil
}

// Do makes a call that is not declared: an endpoint that this version of the SDK does not know. body is written as JSON
// unless it is nil, the answer is read into result unless that is nil.
func (c *core) Do(ctx context.Context, method, path string, body, result any, options ...Option) error {
	parsed, err := url.Parse(path)
	if err != nil || parsed.Host != "" || !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%w: %q is not a path of the gateway", ErrConfiguration, path)
	}
	r := newRequest("do", method, parsed.EscapedPath())
	r.query = parsed.Query()
	if body != nil {
		r.json(body)
	}
	a, err := c.send(ctx, r, wholeBody, options)
	if err != nil || result == nil {
		return err
	}
	if err := decodeDocument(a.meta.Body, result); err != nil {
		return &DecodeError{Body: a.meta.Body, Meta: a.meta, Err: err}
	}
	return nil
}

// callText makes a call whose answer is a text.
func callText(ctx context.Context, c *core, r *request, options []Option) (string, error) {
	r.accept = "*/*"
	a, err := c.send(ctx, r, wholeBody, options)
	if err != nil {
		return "", err
	}
	return string(a.meta.Body), nil
}

// callOne makes a call whose answer is of one of several types, told apart by the status: into gives where it belongs.
func callOne(ctx context.Context, c *core, r *request, into func(status int) any, options []Option) error {
	var meta Meta
	raw, err := call[json.RawMessage](ctx, c, r, append([]Option{WithMeta(&meta)}, options...))
	if err != nil {
		return err
	}
	if err := decodeDocument(*raw, into(meta.StatusCode)); err != nil {
		return &DecodeError{Body: *raw, Meta: meta, Err: err}
	}
	return nil
}

// valueOf is what a call has answered, where that is no struct.
func valueOf[T any](found *T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return *found, nil
}
