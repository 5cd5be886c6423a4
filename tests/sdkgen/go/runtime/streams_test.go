package llmgateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func eventsOf(text string, oneByte bool) (events []Event, comments []string, err error) {
	var source io.Reader = strings.NewReader(text)
	if oneByte {
		source = iotest.OneByteReader(source)
	}
	reader := newEventReader(source, func(comment string) { comments = append(comments, comment) })
	for {
		event, err := reader.next()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return events, comments, nil
		}
		if err != nil {
			return events, comments, err
		}
		event.Data = append([]byte{}, event.Data...)
		events = append(events, event)
	}
}

func TestEventsAreReadInEveryForm(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, each := range map[string]struct {
		text string
		want []Event
	}{
		"LF":                     {"data: a\n\ndata: b\n\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}}},
		"CR LF":                  {"data: a\r\n\r\ndata: b\r\n\r\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}}},
		"CR":                     {"data: a\r\rdata: b\r\r", []Event{{Data: []byte("a")}, {Data: []byte("b")}}},
		"mixed ends":             {"data: a\r\n\ndata: b\r\r\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}}},
		"a byte order mark":      {"\uFEFFdata: a\n\n", []Event{{Data: []byte("a")}}},
		"no space":               {"data:a\ndata: b\ndata:  c\n\n", []Event{{Data: []byte("a\nb\n c")}}},
		"only data":              {"data\n\ndata:\n\n", []Event{{Data: []byte("")}, {Data: []byte("")}}},
		"a name and an id":       {"event: x\nid: 7\ndata: a\n\ndata: b\n\n", []Event{{Name: "x", ID: "7", Data: []byte("a")}, {ID: "7", Data: []byte("b")}}},
		"an id with NUL":         {"id: 7\x00\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"a name without data":    {"event: x\n\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"unknown fields":         {"retry: 5\nfoo: bar\nfoo\ndata: a\n\n", []Event{{Data: []byte("a")}}},
		"no final blank line":    {"data: a\n\ndata: b\n", []Event{{Data: []byte("a")}}},
		"no final line end":      {"data: a\n\ndata: b", []Event{{Data: []byte("a")}}},
		"a megabyte":             {"data: " + long + "\n\n", []Event{{Data: []byte(long)}}},
		"nothing":                {"", nil},
		"characters of 4 bytes":  {"data: 😀é\n\n", []Event{{Data: []byte("😀é")}}},
		"a carriage return last": {"data: a\r\r", []Event{{Data: []byte("a")}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, oneByte := range []bool{false, true} {
				got, _, err := eventsOf(each.text, oneByte)
				if err != nil || !reflect.DeepEqual(got, each.want) {
					t.Errorf("byte by byte %v: %v %v", oneByte, got, err)
				}
			}
		})
	}
	_, comments, _ := eventsOf(": ping\n:\ndata: a\n: gateway {}\n\n", false)
	if !reflect.DeepEqual(comments, []string{"ping", "", "gateway {}"}) {
		t.Errorf("%q", comments)
	}
}

func TestAnEventIsSeenBeforeTheNextOneComes(t *testing.T) {
	reader, writer := io.Pipe()
	events := newEventReader(reader, func(string) {})
	go func() { _, _ = io.WriteString(writer, "data: a\r\r") }()

	event, err := events.next()

	if string(event.Data) != "a" || err != nil {
		t.Errorf("%v %v", event, err)
	}
	_ = reader.Close()
}

var chat = streamRules{done: "[DONE]"}

func streamOf(t *testing.T, rules streamRules, steps ...step) (*Stream[note, note], *script) {
	t.Helper()
	server := play(t, steps...)
	c, _ := clientOf(t, server)
	r := post().streamed("stream")
	stream, err := callStream[note, note](context.Background(), c, r, rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return stream, server
}

func prices(stream *Stream[note, note]) (found []string) {
	for stream.Next() {
		found = append(found, string(stream.Current().Price))
	}
	return found
}

const two = "data: {\"price\":\"1\"}\n\ndata: {\"price\":\"2\"}\n\n"

func TestAStreamEndsWithItsMark(t *testing.T) {
	stream, server := streamOf(t, chat, status(200, two+": gateway {\"cost\":\"0.01\",\"request_id\":\"r\"}\n\ndata: [DONE]\n\n",
		"X-Request-ID", "req_5"))

	if found := prices(stream); !reflect.DeepEqual(found, []string{"1", "2"}) || stream.Err() != nil {
		t.Errorf("%v %v", found, stream.Err())
	}
	if meta := stream.Meta(); meta.Cost != "0.01" || meta.RequestID != "req_5" {
		t.Errorf("%+v", meta)
	}
	if server.bodies[0] != `{"kind":"note","price":"1","stream":true}` {
		t.Error(server.bodies[0])
	}
	if head := server.heads[0]; head.Get("Accept") != "text/event-stream" ||
		!strings.HasSuffix(head.Get("X-Gateway-SDK"), "; via=stream") {
		t.Errorf("%v", head)
	}
}

func TestAStreamEndsWithItsLastEvent(t *testing.T) {
	rules := streamRules{last: []string{"note.done"}, named: true}
	for _, end := range []string{
		"event: note.done\ndata: {\"price\":\"3\"}\n\n",
		"data: {\"price\":\"3\",\"type\":\"note.done\"}\n\n",
	} {
		stream, _ := streamOf(t, rules, status(200, two+end))
		if found := prices(stream); !reflect.DeepEqual(found, []string{"1", "2", "3"}) || stream.Err() != nil {
			t.Errorf("%v %v", found, stream.Err())
		}
	}
}

func TestAStreamThatBreaksOffSaysWhatCame(t *testing.T) {
	promised := []string{"Content-Length", "9999"}
	for name, each := range map[string]struct {
		step   step
		events int
	}{
		"no mark":                  {status(200, two), 2},
		"within an event":          {status(200, two+`data: {"pri`), 2},
		"no final blank line":      {status(200, two+"data: [DONE]\n"), 2},
		"a lost connection":        {status(200, two, promised...), 2},
		"lost within an event":     {status(200, two+`data: {"pri`, promised...), 2},
		"before the first":         {status(200, ""), 0},
		"an event of interruption": {status(200, two+`data: {"error":{"message":"m","type":"t","code":"stream_interrupted"}}`+"\n\n"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			stream, server := streamOf(t, chat, each.step)

			found := prices(stream)

			var broken *StreamInterruptedError
			if !errors.As(stream.Err(), &broken) || !errors.Is(stream.Err(), ErrStreamInterrupted) {
				t.Fatal(stream.Err())
			}
			if broken.Events != each.events || len(found) != each.events || len(server.paths) != 1 {
				t.Errorf("%d events, %d requests", broken.Events, len(server.paths))
			}
		})
	}
}

func TestAnErrorEventIsATypedError(t *testing.T) {
	for name, event := range map[string]string{
		"OpenAI's":    `data: {"error":{"message":"used up","type":"t","code":"budget_exceeded"}}`,
		"Responses'":  "event: error\ndata: {\"type\":\"error\",\"code\":\"budget_exceeded\",\"message\":\"used up\",\"sequence_number\":3}",
		"Anthropic's": "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"used up\"}}",
	} {
		t.Run(name, func(t *testing.T) {
			stream, _ := streamOf(t, chat, status(200, two+event+"\n\n"+two+"data: [DONE]\n\n"))

			found := prices(stream)

			var failed *APIError
			if !errors.As(stream.Err(), &failed) || !errors.Is(failed, ErrBudgetExceeded) || failed.Message != "used up" {
				t.Fatal(stream.Err())
			}
			if len(found) != 2 || failed.StatusCode != 200 {
				t.Errorf("%v %d", found, failed.StatusCode)
			}
		})
	}
}

func TestAnEventThatOnlySpeaksOfErrorsIsNone(t *testing.T) {
	stream, _ := streamOf(t, chat, status(200, `data: {"price":"1","error":null,"why":{"error":{}}}`+"\n\ndata: [DONE]\n\n"))
	if found := prices(stream); len(found) != 1 || stream.Err() != nil {
		t.Errorf("%v %v", found, stream.Err())
	}
}

func TestAnUnknownEventIsSeen(t *testing.T) {
	text := "event: brand.new\ndata: {\"depth\":3}\n\n" + two + "data: [DONE]\n\n"
	stream, _ := streamOf(t, chat, status(200, text))
	if found := prices(stream); len(found) != 2 || stream.Err() != nil {
		t.Errorf("%v %v", found, stream.Err())
	}
	if want := []Event{{Name: "brand.new", Data: []byte(`{"depth":3}`)}}; !reflect.DeepEqual(stream.Unknown(), want) {
		t.Errorf("%v", stream.Unknown())
	}

	named, _ := streamOf(t, streamRules{done: "[DONE]", named: true}, status(200, text))
	if !named.Next() || named.Event().Name != "brand.new" {
		t.Fatal(named.Err())
	}
	if raw, _ := named.Current().ExtraFields.Get("depth"); string(raw) != "3" {
		t.Errorf("%s", raw)
	}
}

func TestAnEventThatIsNoJSONIsSaid(t *testing.T) {
	stream, _ := streamOf(t, chat, status(200, two+"data: {oops\n\n"))
	if found := prices(stream); len(found) != 2 || !errors.Is(stream.Err(), ErrDecode) ||
		!errors.Is(stream.Err(), ErrStreamInterrupted) {
		t.Errorf("%v %v", found, stream.Err())
	}
}

func TestAStreamIsRetriedBeforeItBeginsOnly(t *testing.T) {
	stream, server := streamOf(t, chat, status(503, ""), status(200, two))
	_ = prices(stream)
	if len(server.paths) != 2 || !errors.Is(stream.Err(), ErrStreamInterrupted) {
		t.Errorf("%v %v", server.paths, stream.Err())
	}
}

func TestSilenceEndsAStream(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c, _ := clientOf(t, play(t, hang(release, two)), WithTimeouts(Timeouts{Idle: 30 * time.Millisecond}))
	stream, err := callStream[note, note](context.Background(), c, post(), chat, nil)
	if err != nil {
		t.Fatal(err)
	}

	if found := prices(stream); len(found) != 2 || !errors.Is(stream.Err(), ErrTimeout) ||
		!errors.Is(stream.Err(), ErrStreamInterrupted) {
		t.Errorf("%v %v", found, stream.Err())
	}
}

func TestAReaderThatPausesIsNotSilence(t *testing.T) {
	idle := 40 * time.Millisecond
	c, _ := clientOf(t, play(t, status(200, two+"data: [DONE]\n\n")), WithTimeouts(Timeouts{Idle: idle}))
	stream, err := callStream[note, note](context.Background(), c, post(), chat, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Next()
	time.Sleep(2 * idle)
	if found := prices(stream); len(found) != 1 || stream.Err() != nil {
		t.Errorf("%v %v", found, stream.Err())
	}
}

func TestClosingAndCancellingStopTheServer(t *testing.T) {
	for name, stop := range map[string]func(stream *Stream[note, note], cancel func()){
		"close":  func(stream *Stream[note, note], _ func()) { _ = stream.Close() },
		"cancel": func(_ *Stream[note, note], cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			server := play(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, two)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				close(gone)
			})
			c, _ := clientOf(t, server)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			stream, err := callStream[note, note](ctx, c, post(), chat, nil)
			if err != nil {
				t.Fatal(err)
			}
			stream.Next()

			stop(stream, cancel)

			select {
			case <-gone:
			case <-time.After(5 * time.Second):
				t.Fatal("the server goes on")
			}
			stream.Next()
			if name == "close" && (stream.Next() || stream.Err() != nil) {
				t.Error(stream.Err())
			}
			for stream.Next() {
			}
			if name == "cancel" && stream.Err() != context.Canceled {
				t.Error(stream.Err())
			}
		})
	}
}

func TestACompleteStreamLeavesItsConnectionForReuse(t *testing.T) {
	seen := make(chan string, 2)
	server := play(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.RemoteAddr
		_, _ = io.WriteString(w, two+"data: [DONE]\n\n")
	})
	c, _ := clientOf(t, server)
	for i := 0; i < 2; i++ {
		stream, err := callStream[note, note](context.Background(), c, post(), chat, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = prices(stream)
		_ = stream.Close()
		for !stream.answer.closed.Load() {
			time.Sleep(time.Millisecond)
		}
	}
	if first, second := <-seen, <-seen; first != second {
		t.Error("two connections")
	}
}

// silent is a TCP server that takes connections and says nothing.
func silent(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "tcp://" + listener.Addr().String()
}

func BenchmarkStream(b *testing.B) {
	text := strings.Repeat(`data: {"price":"1","content":"hello","parts":[{"type":"text","text":"word"}],"count":1}`+"\n\n", b.N)
	reader := newEventReader(strings.NewReader(text), func(string) {})
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		event, err := reader.next()
		if err != nil {
			b.Fatal(err)
		}
		var into note
		if err := decodeDocument(event.Data, &into); err != nil {
			b.Fatal(err)
		}
	}
}

func folded(rule string, events ...string) string {
	f := newFold(rule)
	for _, event := range events {
		f.add([]byte(event))
	}
	raw, err := encodeJSON(f.whole())
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func TestEventsAddUpToTheAnswer(t *testing.T) {
	for name, each := range map[string]struct {
		got, want string
	}{
		"a chat": {
			folded("chat", `{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"He"}}]}`,
				`{"id":"c","choices":[{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}],"usage":null}`,
				`{"id":"c","choices":[],"usage":{"total_tokens":3}}`),
			`{"choices":[{"finish_reason":"stop","index":0,"message":{"content":"Hey","role":"assistant"}}],"id":"c","object":"chat.completion","usage":{"total_tokens":3}}`,
		},
		"calls of tools": {
			folded("chat", `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x"}}]}}]}`,
				`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\":1}"}},{"index":1,"id":"b"}]}}]}`),
			`{"choices":[{"finish_reason":null,"index":0,"message":{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"x\":1}","name":"f"},"id":"a","index":0,"type":"function"},{"function":{"arguments":"","name":""},"id":"b","index":1,"type":"function"}]}}],"object":"chat.completion"}`,
		},
		"a text": {
			folded("completion", `{"choices":[{"index":0,"text":"a"}]}`, `{"choices":[{"index":0,"text":"b","finish_reason":"length"}]}`),
			`{"choices":[{"finish_reason":"length","index":0,"text":"ab"}],"object":"text_completion"}`,
		},
		"a response that is complete": {
			folded("responses", `{"type":"response.created","response":{"id":"r","output":[]}}`,
				`{"type":"response.completed","response":{"id":"r","output":[1]}}`),
			`{"id":"r","output":[1]}`,
		},
		"a response that broke off": {
			folded("responses", `{"type":"response.created","response":{"id":"r","output":[]}}`,
				`{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning"}}`,
				`{"type":"response.output_text.delta","output_index":1,"delta":"hi"}`),
			`{"id":"r","output":[{"type":"reasoning"},{"content":[{"annotations":[],"text":"hi","type":"output_text"}],"id":"","role":"assistant","status":"incomplete","type":"message"}]}`,
		},
		"a message": {
			folded("messages", `{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":2,"output_tokens":0}}}`,
				`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"he"}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"y"}}`,
				`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}`,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}`),
			`{"content":[{"text":"hey","type":"text"},{"id":"t","input":{"partial_json":"{\"a\":"},"name":"f","type":"tool_use"}],"id":"m","stop_reason":"end_turn","usage":{"input_tokens":2,"output_tokens":5}}`,
		},
	} {
		if each.got != each.want {
			t.Errorf("%s:\n got %s\nwant %s", name, each.got, each.want)
		}
	}
}
