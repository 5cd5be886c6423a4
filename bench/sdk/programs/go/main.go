// Command go measures the Go SDK against raw net/http: `program ADDRESS` prints JSON. Both layers use the same server,
// bodies and kind of connection.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"

	gateway "example.com/llmgateway"
)

const (
	rounds = 9     // of each layer, interleaved
	calls  = 400   // a round
	chunks = 40000 // a stream
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: program ADDRESS")
	}
	measure(os.Args[1])
}

type result struct {
	Runtime       string  `json:"runtime"`
	RawP50US      float64 `json:"raw_p50_us"`
	SDKP50US      float64 `json:"sdk_p50_us"`
	SDKCPUUS      float64 `json:"sdk_cpu_us"`
	RSSBytes      int64   `json:"rss_bytes"`
	RawChunksPerS float64 `json:"raw_chunks_per_s"`
	SDKChunksPerS float64 `json:"sdk_chunks_per_s"`
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
	before := usage()
	for i := 0; i < calls; i++ {
		call(client, request)
	}
	after := usage()
	said := result{
		Runtime: runtime.Version(), RawP50US: median(rawCalls), SDKP50US: median(sdkCalls),
		SDKCPUUS: (cpu(after) - cpu(before)) / calls, RSSBytes: after.Maxrss * 1024,
		RawChunksPerS: median(rawStreams), SDKChunksPerS: median(sdkStreams),
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}

func usage() syscall.Rusage {
	var said syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &said); err != nil {
		log.Fatal(err)
	}
	return said
}

// cpu is user and system time in microseconds.
func cpu(said syscall.Rusage) float64 {
	return float64(said.Utime.Sec+said.Stime.Sec)*1e6 + float64(said.Utime.Usec+said.Stime.Usec)
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
