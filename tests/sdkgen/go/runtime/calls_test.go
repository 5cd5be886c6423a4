package llmgateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A step is one answer of the server, whatever is asked.
type step func(w http.ResponseWriter, r *http.Request)

func status(code int, body string, header ...string) step {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func cut(w http.ResponseWriter, r *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// A script plays its steps in order, the last one for ever, and keeps what it was sent.
type script struct {
	*httptest.Server
	mu     sync.Mutex
	steps  []step
	heads  []http.Header
	paths  []string
	bodies []string
}

func play(t *testing.T, steps ...step) *script {
	s := &script{steps: steps}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		now := s.steps[0]
		if len(s.steps) > 1 {
			s.steps = s.steps[1:]
		}
		s.heads, s.paths = append(s.heads, r.Header), append(s.paths, r.Method+" "+r.RequestURI)
		s.bodies = append(s.bodies, string(body))
		s.mu.Unlock()
		now(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// slept has the pauses of a client that does not really wait.
type slept struct{ pauses []time.Duration }

func (s *slept) option(set *settings) error {
	set.sleep = func(ctx context.Context, pause time.Duration) error {
		s.pauses = append(s.pauses, pause)
		return ctx.Err()
	}
	set.random = func() float64 { return 0 }
	return nil
}

func clientOf(t *testing.T, s *script, options ...Option) (*core, *slept) {
	t.Helper()
	pauses := &slept{}
	all := append([]Option{WithBaseURL(s.URL), WithAPIKey("sk-test"), pauses.option}, options...)
	c, err := newCore(all)
	if err != nil {
		t.Fatal(err)
	}
	return c, pauses
}

func get() *request { return newRequest("notes_get", "GET", "/v1/notes/1") }

func post() *request {
	r := newRequest("notes_create", "POST", "/v1/notes").json(note{Price: "1"})
	r.idempotent = true
	return r
}

const ok = `{"price":"1"}`

func TestARequestIsCanonical(t *testing.T) {
	server := play(t, status(200, ok))
	c, _ := clientOf(t, server)
	r := newRequest("notes_create", "POST", "/v1/notes/{id}/parts").json(note{Price: "1", Content: contentText("é<")})
	r.idempotent = true
	r.pathParameter("id", "a/b c?").queryParameter("tags", Some([]string{"x", "y&z"})).queryParameter("limit", Int(5))
	r.queryParameter("none", Opt[string]{}).headerParameter("X-Kind", color("red"))

	if _, err := call[note](context.Background(), c, r, []Option{WithTag("team", "a"), WithTag("env", "b")}); err != nil {
		t.Fatal(err)
	}

	if server.paths[0] != "POST /v1/notes/a%2Fb%20c%3F/parts?limit=5&tags=x%2Cy%26z" {
		t.Error(server.paths[0])
	}
	if server.bodies[0] != `{"content":"é<","kind":"note","price":"1"}` {
		t.Error(server.bodies[0])
	}
	head := server.heads[0]
	for name, want := range map[string]string{
		"Authorization": "Bearer sk-test", "Content-Type": "application/json", "Accept": "application/json",
		"X-Kind": "red", "X-Gateway-Tags": "team=a,env=b", "User-Agent": "llm-gateway-go/1.4.0",
	} {
		if head.Get(name) != want {
			t.Errorf("%s: %q", name, head.Get(name))
		}
	}
	if len(head.Get("Idempotency-Key")) != 36 {
		t.Error(head.Get("Idempotency-Key"))
	}
	sdk := strings.Split(head.Get("X-Gateway-SDK"), "; ")
	if len(sdk) != 5 || sdk[0] != "go/1.4.0" || !strings.HasPrefix(sdk[1], "rt=go-1.") || sdk[3] != "spec=ab12cd" ||
		sdk[4] != "try=0" {
		t.Error(sdk)
	}
}

func TestPathsCannotBeLeft(t *testing.T) {
	for _, name := range []string{"", ".", ".."} {
		if err := newRequest("x", "GET", "/v1/{id}").pathParameter("id", name).err; !errors.Is(err, ErrConfiguration) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWhatIsRetriedAndWhatIsNot(t *testing.T) {
	half := 500 * time.Millisecond
	for name, each := range map[string]struct {
		request *request
		steps   []step
		tries   int
		pauses  []time.Duration
		status  int
	}{
		"503 twice":                {get(), []step{status(503, ""), status(503, ""), status(200, ok)}, 3, []time.Duration{half, 2 * half}, 200},
		"500 for ever":             {get(), []step{status(500, "")}, 3, []time.Duration{half, 2 * half}, 500},
		"429 with seconds":         {get(), []step{status(429, "", "Retry-After", "7"), status(200, ok)}, 2, []time.Duration{7 * time.Second}, 200},
		"429 with milliseconds":    {get(), []step{status(429, "", "Retry-After", "7", "Retry-After-Ms", "30"), status(200, ok)}, 2, []time.Duration{30 * time.Millisecond}, 200},
		"more than is waited for":  {get(), []step{status(429, "", "Retry-After", "61")}, 1, nil, 429},
		"402":                      {get(), []step{status(402, "", "X-Should-Retry", "true")}, 1, nil, 402},
		"400":                      {get(), []step{status(400, "")}, 1, nil, 400},
		"409 that says no":         {get(), []step{status(409, "", "X-Should-Retry", "false")}, 1, nil, 409},
		"408":                      {get(), []step{status(408, ""), status(200, ok)}, 2, []time.Duration{half}, 200},
		"529":                      {get(), []step{status(529, ""), status(200, ok)}, 2, []time.Duration{half}, 200},
		"501":                      {get(), []step{status(501, "")}, 1, nil, 501},
		"a redirect":               {get(), []step{status(302, "", "Location", "/elsewhere")}, 1, nil, 302},
		"a lost connection":        {get(), []step{cut, status(200, ok)}, 2, []time.Duration{half}, 200},
		"POST with a key":          {post(), []step{status(500, ""), status(200, ok)}, 2, []time.Duration{half}, 200},
		"POST with a key, cut":     {post(), []step{cut, status(200, ok)}, 2, []time.Duration{half}, 200},
		"PATCH":                    {newRequest("x", "PATCH", "/v1/x"), []step{status(503, "")}, 1, nil, 503},
		"a body that breaks off":   {get(), []step{status(200, "{", "Content-Length", "9"), status(200, ok)}, 2, []time.Duration{half}, 200},
		"POST without a key, cut":  {newRequest("x", "POST", "/v1/x"), []step{cut}, 1, nil, 0},
		"POST without a key, 429":  {newRequest("x", "POST", "/v1/x"), []step{status(429, ""), status(200, ok)}, 2, []time.Duration{half}, 200},
		"409":                      {post(), []step{status(409, "")}, 1, nil, 409},
		"409 in flight":            {post(), []step{status(409, `{"error":{"code":"idempotency_in_flight"}}`, "Retry-After", "5"), status(200, ok)}, 2, []time.Duration{5 * time.Second}, 200},
		"POST that changes things": {newRequest("x", "POST", "/v1/x"), []step{status(500, "")}, 1, nil, 500},
		"DELETE":                   {newRequest("x", "DELETE", "/v1/x"), []step{status(503, ""), status(200, ok)}, 2, []time.Duration{half}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			server := play(t, each.steps...)
			c, pauses := clientOf(t, server)
			var meta Meta

			_, err := call[note](context.Background(), c, each.request, []Option{WithMeta(&meta)})

			if len(server.paths) != each.tries || !reflect.DeepEqual(pauses.pauses, each.pauses) {
				t.Errorf("%d tries, %v", len(server.paths), pauses.pauses)
			}
			if meta.StatusCode != each.status || each.status != 0 && meta.Tries != each.tries || (err == nil) != (each.status == 200) {
				t.Errorf("%d %d %v", meta.StatusCode, meta.Tries, err)
			}
			for i, head := range server.heads {
				if !strings.HasSuffix(head.Get("X-Gateway-SDK"), "; try="+strconv.Itoa(i)) {
					t.Error(head.Get("X-Gateway-SDK"))
				}
				if head.Get("Idempotency-Key") != server.heads[0].Get("Idempotency-Key") {
					t.Error("each try has a key of its own")
				}
			}
		})
	}
}

func TestPausesGrowAndShrinkByJitter(t *testing.T) {
	for retry, want := range []float64{0.5, 1, 2, 4, 8, 8} {
		most, _ := pauseBefore(retry, http.Header{}, time.Now(), 0)
		least, _ := pauseBefore(retry, http.Header{}, time.Now(), 1)
		if most.Seconds() != want || least.Seconds() != 0.75*want {
			t.Errorf("%d: %v to %v", retry, least, most)
		}
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := http.Header{"Retry-After": {"Sun, 29 Nov 2026 12:00:09 GMT"}}
	if wait, isGiven := retryAfter(at, now); wait != 9*time.Second || !isGiven {
		t.Error(wait)
	}
	if wait, isGiven := retryAfter(at, now.Add(time.Hour)); wait != 0 || !isGiven {
		t.Error(wait)
	}
	for _, bad := range []string{"", "soon", "-1", "NaN", "1e99"} {
		if wait, isGiven := retryAfter(http.Header{"Retry-After": {bad}}, now); isGiven {
			t.Errorf("%q: %v", bad, wait)
		}
	}
}

func TestErrorsSayWhatTheGatewaySaid(t *testing.T) {
	for name, each := range map[string]struct {
		status  int
		body    string
		kinds   []Kind
		code    string
		message string
	}{
		"OpenAI's":        {402, `{"error":{"message":"used up","type":"billing","param":null,"code":"budget_exceeded"}}`, []Kind{ErrBudgetExceeded, ErrPaymentRequired}, "budget_exceeded", "used up"},
		"Anthropic's":     {402, `{"type":"error","error":{"type":"billing_error","message":"used up"}}`, []Kind{ErrBudgetExceeded, ErrPaymentRequired}, "budget_exceeded", "used up"},
		"problem details": {400, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"1 input is not valid","code":"invalid","errors":[{"field":"name","code":"required","message":"m"}],"request_id":"req_9"}`, []Kind{ErrBadRequest}, "invalid", "1 input is not valid"},
		"a page":          {502, "<html>\xff</html>", []Kind{ErrServer}, "", "<html>\uFFFD</html>"},
		"nothing":         {404, "", []Kind{ErrNotFound}, "", "Not Found"},
		"another status":  {409, `{"error":{"message":"m","code":"budget_exceeded"}}`, []Kind{ErrConflict}, "budget_exceeded", "m"},
		"an odd one":      {418, `{"error":{"message":"teapot","code":7}}`, []Kind{ErrBadRequest}, "7", "teapot"},
		"not an object":   {422, `[1]`, []Kind{ErrUnprocessable}, "", "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"X-Request-ID", "req_1", "X-Gateway-Budget", "bud_1", "Retry-After", "3",
				"X-Gateway-Budget-Resets-At", "2026-12-01T00:00:00Z"}
			c, _ := clientOf(t, play(t, status(each.status, each.body, header...)), WithMaxRetries(0))

			_, err := call[note](context.Background(), c, get(), nil)

			var failed *APIError
			if !errors.As(err, &failed) {
				t.Fatal(err)
			}
			for _, kind := range each.kinds {
				if !errors.Is(err, kind) {
					t.Errorf("it is not %v", kind)
				}
			}
			if failed.Code != each.code || failed.Message != each.message || failed.RequestID() != "req_1" {
				t.Errorf("%q %q %q", failed.Code, failed.Message, failed.RequestID())
			}
			if failed.BudgetID != "bud_1" || failed.RetryAfter != 3*time.Second ||
				failed.BudgetResetsAt != time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) {
				t.Errorf("%+v", failed)
			}
			if failed.Code != "" && failed.DocURL() != errorDocsURL+"#"+failed.Code {
				t.Error(failed.DocURL())
			}
		})
	}
}

func TestMetaHasTheGatewaysHeaders(t *testing.T) {
	c, _ := clientOf(t, play(t, status(200, ok, "X-Request-ID", "req_2", "X-Gateway-Provider", "acme",
		"X-Gateway-Model", "m-1", "X-Gateway-Cache", "miss", "X-Gateway-Cost", "0.0000031500", "X-Gateway-Attempts", "2",
		"X-Gateway-Idempotent-Replay", "true", "X-Gateway-Original-Request-ID", "req_1",
		"x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "59", "x-ratelimit-reset-requests", "1.500s")))
	var meta Meta

	if _, err := call[note](context.Background(), c, get(), []Option{WithMeta(&meta)}); err != nil {
		t.Fatal(err)
	}

	meta.Header = nil
	want := Meta{
		StatusCode: 200, Body: []byte(ok), Tries: 1, RequestID: "req_2", Provider: "acme", Model: "m-1", Cache: "miss",
		Cost: "0.0000031500", Attempts: 2, IsReplay: true, OriginalRequestID: "req_1",
		RateLimit: RateLimit{Requests: &Allowance{60, 59, 1500 * time.Millisecond}},
	}
	if !reflect.DeepEqual(meta, want) {
		t.Errorf("%+v", meta)
	}
}

func hang(release chan struct{}, before string) step {
	return func(w http.ResponseWriter, r *http.Request) {
		if before != "" {
			_, _ = io.WriteString(w, before)
			w.(http.Flusher).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
}

func TestEachPhaseHasItsTimeout(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	short := 30 * time.Millisecond
	for phase, each := range map[string]struct {
		timeouts Timeouts
		step     step
	}{
		PhaseFirstByte: {Timeouts{FirstByte: short}, hang(release, "")},
		PhaseIdle:      {Timeouts{Idle: short}, hang(release, "{")},
		PhaseTotal:     {Timeouts{Total: short}, hang(release, "{")},
	} {
		t.Run(phase, func(t *testing.T) {
			c, _ := clientOf(t, play(t, each.step), WithTimeouts(each.timeouts), WithMaxRetries(0))

			_, err := call[note](context.Background(), c, get(), nil)

			var passed *TimeoutError
			if !errors.As(err, &passed) || passed.Phase != phase || passed.After != short || !errors.Is(err, ErrTimeout) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestConnectingHasItsTimeout(t *testing.T) {
	// A TCP server that never speaks TLS.
	server := play(t, status(200, ok))
	address := "https://" + strings.TrimPrefix(silent(t), "tcp://")
	c, _ := clientOf(t, server, WithBaseURL(address), WithMaxRetries(0),
		WithTimeouts(Timeouts{Connect: 30 * time.Millisecond}))

	_, err := call[note](context.Background(), c, get(), nil)

	var passed *TimeoutError
	if !errors.As(err, &passed) || passed.Phase != PhaseConnect {
		t.Errorf("%v", err)
	}
}

func TestCancellationIsTheCallersOwnError(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c, pauses := clientOf(t, play(t, hang(release, "")))
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)

	_, err := call[note](ctx, c, get(), nil)

	if err != context.Canceled || len(pauses.pauses) != 0 {
		t.Errorf("%v, %v", err, pauses.pauses)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := call[note](ctx, c, get(), nil); err != context.DeadlineExceeded {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerThatIsNoJSONIsSaid(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"price":`, `{"price":1}`} {
		c, _ := clientOf(t, play(t, status(200, body, "X-Request-ID", "req_3")))

		_, err := call[note](context.Background(), c, get(), nil)

		var wrong *DecodeError
		if !errors.As(err, &wrong) || string(wrong.Body) != body || wrong.Meta.RequestID != "req_3" {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	seen := map[string]bool{}
	server := play(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		if r.URL.Path == "/v1/bad" {
			status(400, `{"error":{}}`)(w, r)
			return
		}
		_, _ = io.WriteString(w, ok)
	})
	c, _ := clientOf(t, server)
	for i := 0; i < 5; i++ {
		if _, err := call[note](context.Background(), c, get(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := call[note](context.Background(), c, newRequest("x", "GET", "/v1/bad"), nil); err == nil {
			t.Fatal("no error")
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d connections", len(seen))
	}
}

func TestAPageFollowsAnother(t *testing.T) {
	server := play(t,
		status(200, `{"count":3,"next":"http://inside:1/api/v1/notes?kind=x&page=2","previous":null,"results":[{"price":"1"},{"price":"2"}]}`),
		status(200, `{"count":3,"next":null,"previous":null,"results":[{"price":"3"}]}`),
	)
	c, _ := clientOf(t, server)
	rules := pageRules{"page", "results", "page", "next"}
	var prices []string

	items := allItems(context.Background(), func(ctx context.Context) (*Page[note], error) {
		return callPage[note](ctx, c, newRequest("l", "GET", "/api/v1/notes").queryParameter("kind", "x"), rules, nil)
	})
	for items.Next() {
		prices = append(prices, string(items.Current().Price))
	}

	if items.Err() != nil || !reflect.DeepEqual(prices, []string{"1", "2", "3"}) {
		t.Errorf("%v %v", prices, items.Err())
	}
	if want := []string{"GET /api/v1/notes?kind=x", "GET /api/v1/notes?kind=x&page=2"}; !reflect.DeepEqual(server.paths, want) {
		t.Error(server.paths)
	}
	if items.Next() {
		t.Error("there is something behind the end")
	}
}

func TestACursorFollowsTheLastItem(t *testing.T) {
	server := play(t,
		status(200, `{"object":"list","data":[{"id":"a"},{"id":"b"}],"has_more":true}`),
		status(200, `{"object":"list","data":[],"has_more":false}`),
	)
	c, _ := clientOf(t, server)
	page, err := callPage[map[string]string](context.Background(), c, newRequest("l", "GET", "/v1/files"),
		pageRules{"cursor", "data", "after", "has_more"}, nil)
	if err != nil || !page.HasNext() {
		t.Fatal(err)
	}

	following, err := page.Next(context.Background())

	if err != nil || following.HasNext() || server.paths[1] != "GET /v1/files?after=b" {
		t.Errorf("%v %v", err, server.paths)
	}
	if last, err := following.Next(context.Background()); last != nil || err != nil {
		t.Errorf("%v %v", last, err)
	}
	if raw, _ := page.Raw.Get("object"); string(raw) != `"list"` {
		t.Errorf("%s", raw)
	}
}

type upload struct {
	File    *InputFile            `json:"file"`
	List    []string              `json:"list,omitempty"`
	Absent  Opt[int64]            `json:"absent,omitempty"`
	Purpose color                 `json:"purpose"`
	Expires Opt[map[string]int64] `json:"expires,omitempty"`

	modelFields
}

func TestAFileIsSentWithProgress(t *testing.T) {
	path := filepath.Join(t.TempDir(), `o"dd.jsonl`)
	content := strings.Repeat("line\n", 40_000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var form *http.Request
	var sent string
	server := play(t, status(503, ""), func(w http.ResponseWriter, r *http.Request) {
		form = r.Clone(context.Background())
		_, _ = io.WriteString(w, ok)
	})
	c, _ := clientOf(t, server)
	file := FileFromPath(path)
	steps, last := 0, int64(0)
	file.Progress = func(done, total int64) {
		if steps++; total != int64(len(content)) {
			t.Errorf("%d of %d", done, total)
		}
		last = done
	}
	r := newRequest("files_create", "POST", "/v1/files")
	r.idempotent = true
	r.form(upload{Purpose: "fine-tune", List: []string{"a", "b"}, File: file, Expires: Some(map[string]int64{"s": 5})})

	if _, err := call[note](context.Background(), c, r, nil); err != nil {
		t.Fatal(err)
	}

	if last != int64(len(content)) || steps < 4 {
		t.Errorf("%d steps to %d", steps, last)
	}
	form.Body = io.NopCloser(strings.NewReader(server.bodies[1]))
	if err := form.ParseMultipartForm(1 << 20); err != nil {
		t.Fatal(err)
	}
	part := form.MultipartForm.File["file"][0]
	opened, _ := part.Open()
	data, _ := io.ReadAll(opened)
	sent = string(data)
	if sent != content || part.Header.Get("Content-Disposition") != `form-data; name="file"; filename="o%22dd.jsonl"` {
		t.Errorf("%d bytes, %v", len(sent), part.Header)
	}
	want := url.Values{"purpose": {"fine-tune"}, "list": {"a", "b"}, "expires": {`{"s":5}`}}
	if !reflect.DeepEqual(url.Values(form.MultipartForm.Value), want) || form.ContentLength != int64(len(server.bodies[1])) {
		t.Errorf("%v, %d", form.MultipartForm.Value, form.ContentLength)
	}
}

func TestAReaderIsSentOnce(t *testing.T) {
	server := play(t, status(503, ""), status(200, ok))
	c, _ := clientOf(t, server)
	r := newRequest("files_create", "POST", "/v1/files")
	r.idempotent = true
	r.form(upload{File: FileFromReader("a.bin", strings.NewReader("abc"))})

	_, err := call[note](context.Background(), c, r, nil)

	if !errors.Is(err, ErrServer) || len(server.paths) != 1 || !strings.Contains(server.bodies[0], "\r\n\r\nabc\r\n--") {
		t.Errorf("%v %q", err, server.bodies)
	}
}

func TestLogsHoldNoSecrets(t *testing.T) {
	var out bytes.Buffer
	c, _ := clientOf(t, play(t, status(500, "", "Set-Cookie", "sid=hush"), status(200, ok, "X-Request-ID", "req_4")),
		WithLogger(NewLogger(&out), LogDebug), WithHeader("X-Custom-Token", "hush"), WithHeader("Cookie", "hush"))

	if _, err := call[note](context.Background(), c, post(), nil); err != nil {
		t.Fatal(err)
	}

	text := out.String()
	for _, secret := range []string{"sk-test", "hush"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in %s", secret, text)
		}
	}
	for _, wanted := range []string{`retry operation="notes_create" try="1" pause="500ms"`, `request_id="req_4"`,
		`Authorization="[redacted]"`, `status="200"`} {
		if !strings.Contains(text, wanted) {
			t.Errorf("%s is not in %s", wanted, text)
		}
	}
}

func TestOptionsOfOneCallAreItsOwn(t *testing.T) {
	server := play(t, status(200, ok))
	c, _ := clientOf(t, server, WithHeader("X-A", "client"), WithHeader("X-B", "client"))

	_, _ = call[note](context.Background(), c, get(), []Option{WithHeader("X-A", "call"), WithHeader("X-B", ""),
		WithoutTelemetry(), WithQuery("q", "1"), WithAPIKey("sk-other")})
	_, _ = call[note](context.Background(), c, get(), nil)

	first, second := server.heads[0], server.heads[1]
	if first.Get("X-A") != "call" || first.Get("X-B") != "" || first.Get("X-Gateway-SDK") != "" ||
		first.Get("Authorization") != "Bearer sk-other" || server.paths[0] != "GET /v1/notes/1?q=1" {
		t.Errorf("%v", first)
	}
	if second.Get("X-A") != "client" || second.Get("X-B") != "client" || second.Get("X-Gateway-SDK") == "" ||
		second.Get("Authorization") != "Bearer sk-test" || server.paths[1] != "GET /v1/notes/1" {
		t.Errorf("%v", second)
	}
}

func TestTheEnvironmentConfigures(t *testing.T) {
	server := play(t, status(200, ok))
	t.Setenv(EnvAPIKey, "sk-env")
	t.Setenv(EnvManagementKey, "mk-env")
	t.Setenv(EnvOrganization, "acme")
	t.Setenv(EnvBaseURL, server.URL+"/gateway/")
	t.Setenv(EnvTelemetry, "off")
	c, err := newCore(nil)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := call[note](context.Background(), c, get(), nil); err != nil {
		t.Fatal(err)
	}

	managed := get()
	managed.auth = withManagementKey
	if _, err := call[note](context.Background(), c, managed, nil); err != nil {
		t.Fatal(err)
	}
	if head := server.heads[1]; head.Get("Authorization") != "Bearer mk-env" || head.Get("X-Organization") != "acme" {
		t.Errorf("%v", head)
	}
	head := server.heads[0]
	if head.Get("Authorization") != "Bearer sk-env" || head.Get("X-Organization") != "" || head.Get("X-Gateway-SDK") != "" ||
		server.paths[0] != "GET /gateway/v1/notes/1" {
		t.Errorf("%v %v", head, server.paths)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, option := range []Option{
		WithBaseURL("localhost:8000"), WithBaseURL("ftp://x"), WithBaseURL("http://user:pass@x"), WithBaseURL("http://x/?a=1"),
		WithHeader("X", "a\r\nB: c"), WithAPIKey("a\nb"), WithMaxRetries(-1), WithTag("a=b", "c"), WithTag("a", "b,c"),
		WithProxy("nowhere"),
	} {
		if _, err := newCore([]Option{option}); !errors.Is(err, ErrConfiguration) {
			t.Errorf("%v", err)
		}
	}
	t.Setenv(EnvAPIKey, "")
	c, _ := newCore(nil)
	if _, err := call[note](context.Background(), c, get(), nil); !errors.Is(err, ErrConfiguration) {
		t.Errorf("%v", err)
	}
}

func TestAProxyIsUsed(t *testing.T) {
	proxy := play(t, status(200, ok))
	c, _ := clientOf(t, proxy, WithBaseURL("http://gateway.invalid"), WithProxy(proxy.URL))

	if _, err := call[note](context.Background(), c, get(), nil); err != nil {
		t.Fatal(err)
	}
	if proxy.paths[0] != "GET http://gateway.invalid/v1/notes/1" {
		t.Error(proxy.paths)
	}
}

func TestOwnAuthoritiesAreTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(status(200, ok)))
	defer server.Close()
	config := &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	set := []Option{WithBaseURL(server.URL), WithAPIKey("k"), WithMaxRetries(0)}
	trusting, _ := newCore(append(set, WithTLSConfig(config)))
	wary, _ := newCore(set)

	if _, err := call[note](context.Background(), trusting, get(), nil); err != nil {
		t.Error(err)
	}
	if _, err := call[note](context.Background(), wary, get(), nil); !errors.Is(err, ErrConnection) {
		t.Error(err)
	}
}

func TestAFileIsReadAsItComes(t *testing.T) {
	c, _ := clientOf(t, play(t, status(200, "abc", "Content-Type", "audio/mpeg")))
	file, err := callBinary(context.Background(), c, get(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(file)
	if string(data) != "abc" || err != nil || file.ContentType != "audio/mpeg" || file.Size != 3 || file.Close() != nil {
		t.Errorf("%q %v %v", data, err, file)
	}
}

func TestUndeclaredEndpointsCanBeCalled(t *testing.T) {
	server := play(t, status(200, `{"a":1}`))
	c, _ := clientOf(t, server)
	var answer map[string]int64

	err := c.Do(context.Background(), "POST", "/v1/new?x=1", map[string]any{"b": true}, &answer)

	if err != nil || answer["a"] != 1 || server.paths[0] != "POST /v1/new?x=1" || server.bodies[0] != `{"b":true}` {
		t.Errorf("%v %v %v", err, answer, server.paths)
	}
	if err := c.Do(context.Background(), "GET", "http://elsewhere/x", nil, nil); !errors.Is(err, ErrConfiguration) {
		t.Error(err)
	}
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	c, _ := clientOf(t, play(t, status(200, ok)))
	var group sync.WaitGroup
	for i := 0; i < 32; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			var meta Meta
			_, err := call[note](context.Background(), c, post(), []Option{WithMeta(&meta), WithHeader("X-N", fmt.Sprint(i))})
			if err != nil || meta.StatusCode != 200 {
				t.Errorf("%v", err)
			}
		}(i)
	}
	group.Wait()
}

func TestRetriesAreTold(t *testing.T) {
	var told []Retry
	c, _ := clientOf(t, play(t, status(503, ""), status(200, ok)), WithOnRetry(func(r Retry) { told = append(told, r) }))

	_, _ = call[note](context.Background(), c, get(), nil)

	if len(told) != 1 || told[0].Number != 1 || told[0].Pause != 500*time.Millisecond || !errors.Is(told[0].Err, ErrServer) {
		t.Errorf("%v", told)
	}
}

func TestAPauseLongerThanTheWholeTimeIsNotBegun(t *testing.T) {
	c, pauses := clientOf(t, play(t, status(503, "", "Retry-After", "60")), WithTimeout(time.Second))

	_, err := call[note](context.Background(), c, get(), nil)

	if !errors.Is(err, ErrServer) || len(pauses.pauses) != 0 {
		t.Errorf("%v %v", err, pauses.pauses)
	}
}

func TestARefusedConnectionIsRetriedForAnyMethod(t *testing.T) {
	listener := strings.TrimPrefix(silent(t), "tcp://")
	var told []Retry
	c, _ := clientOf(t, play(t, status(200, ok)), WithBaseURL("https://"+listener), WithMaxRetries(1),
		WithTimeouts(Timeouts{Connect: 20 * time.Millisecond}), WithOnRetry(func(r Retry) { told = append(told, r) }))

	_, err := call[note](context.Background(), c, newRequest("x", "POST", "/v1/x"), nil)

	if !errors.Is(err, ErrTimeout) || len(told) != 1 {
		t.Errorf("%v %v", err, told)
	}
}
