// Command go measures the Go SDK against raw net/http on loopback: `go run . serve` in one process prints an address,
// `go run . call ADDRESS` in another prints JSON. Both layers use the same server, bodies and kind of connection.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strings"
	"time"

	gateway "example.com/llmgateway"
)

const (
	rounds = 9     // of each layer, interleaved
	calls  = 400   // a round
	chunks = 40000 // a stream
	answer = `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",` +
		`"message":{"role":"assistant","content":"Hello, what can I do for you today?"}}],` +
		`"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`
	chunk = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,` +
		`"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		serve()
	case len(os.Args) == 3 && os.Args[1] == "call":
		measure(os.Args[2])
	default:
		log.Fatal("usage: serve, or call ADDRESS")
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	stream := strings.Repeat(chunk, chunks) + "data: [DONE]\n\n"
	fmt.Println("http://" + listener.Addr().String())
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, stream)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})))
}

type result struct {
	RawP50US         float64 `json:"raw_p50_us"`
	SDKP50US         float64 `json:"sdk_p50_us"`
	AddedP50US       float64 `json:"added_p50_us"`
	RawChunksPerS    float64 `json:"raw_chunks_per_s"`
	SDKChunksPerS    float64 `json:"sdk_chunks_per_s"`
	HeapBytes        uint64  `json:"heap_bytes"`
	Go               string  `json:"go"`
	CPUs             int     `json:"cpus"`
	Rounds           int     `json:"rounds"`
	CallsEachRound   int     `json:"calls_each_round"`
	ChunksEachStream int     `json:"chunks_each_stream"`
}

func measure(address string) {
	client, err := gateway.NewClient(gateway.WithBaseURL(address), gateway.WithAPIKey("gw-bench"))
	if err != nil {
		log.Fatal(err)
	}
	message := gateway.ChatUserMessage{Content: gateway.ChatUserContentString("Say hello.")}
	request := gateway.ChatCompletionRequest{Model: "m", Messages: []gateway.ChatMessage{message}}
	raw := &rawClient{address + "/v1/chat/completions", &http.Client{}}
	var rawCalls, sdkCalls, rawStreams, sdkStreams []float64
	for round := 0; round <= rounds; round++ {
		found := [4]float64{
			p50(func() { raw.call() }),
			p50(func() { call(client, request) }),
			chunks / seconds(func() { raw.stream() }),
			chunks / seconds(func() { stream(client, request) }),
		}
		if round == 0 {
			continue // warm-up
		}
		rawCalls, sdkCalls = append(rawCalls, found[0]), append(sdkCalls, found[1])
		rawStreams, sdkStreams = append(rawStreams, found[2]), append(sdkStreams, found[3])
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	said := result{
		RawP50US: median(rawCalls), SDKP50US: median(sdkCalls), AddedP50US: median(sdkCalls) - median(rawCalls),
		RawChunksPerS: median(rawStreams), SDKChunksPerS: median(sdkStreams), HeapBytes: memory.HeapSys,
		Go: runtime.Version(), CPUs: runtime.NumCPU(), Rounds: rounds, CallsEachRound: calls, ChunksEachStream: chunks,
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}

func call(client *gateway.Client, request gateway.ChatCompletionRequest) {
	answer, err := client.Chat.Completions.Create(context.Background(), request)
	if err != nil || answer.Choices[0].Message.Content.Value() == "" {
		log.Fatal(err)
	}
}

func stream(client *gateway.Client, request gateway.ChatCompletionRequest) {
	events, err := client.Chat.Completions.Stream(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	seen := 0
	for events.Next() {
		if events.Current().Choices[0].Delta.Content.IsSet() {
			seen++
		}
	}
	if events.Err() != nil || seen != chunks {
		log.Fatal(events.Err(), seen)
	}
}

// rawClient is the same by hand: net/http and encoding/json into just what is needed.
type rawClient struct {
	url  string
	http *http.Client
}

func (c *rawClient) post(body string) *http.Response {
	request, err := http.NewRequest("POST", c.url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer gw-bench")
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	return response
}

func (c *rawClient) call() {
	response := c.post(`{"model":"m","messages":[{"role":"user","content":"Say hello."}]}`)
	defer response.Body.Close()
	var said struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil || said.Choices[0].Message.Content == "" {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
}

func (c *rawClient) stream() {
	response := c.post(`{"model":"m","messages":[{"role":"user","content":"Say hello."}],"stream":true}`)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	seen := 0
	for lines.Scan() {
		data := bytes.TrimPrefix(lines.Bytes(), []byte("data: "))
		if len(data) == 0 || data[0] != '{' {
			continue
		}
		var said struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal(data, &said); err != nil {
			log.Fatal(err)
		}
		seen++
	}
	if seen != chunks {
		log.Fatal(lines.Err(), seen)
	}
}

func p50(once func()) float64 {
	took := make([]float64, calls)
	for i := range took {
		took[i] = seconds(once) * 1e6
	}
	return median(took)
}

func seconds(do func()) float64 {
	begun := time.Now()
	do()
	return time.Since(begun).Seconds()
}

func median(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[len(sorted)/2]
}
