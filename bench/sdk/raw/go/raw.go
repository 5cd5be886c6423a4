// Command raw prints a streamed answer, by the standard library.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	mathrand "math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const mostRepeats = 2

var (
	repeatable     = map[int]bool{408: true, 429: true, 500: true, 502: true, 503: true, 504: true, 529: true}
	errInterrupted = errors.New("the connection ended before the answer did")
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type request struct {
	Model    string    `json:"model"`
	Messages []message `json:"messages"`
	Stream   bool      `json:"stream"`
}

type chunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
	} `json:"choices"`
	Error json.RawMessage `json:"error"`
}

// APIError is an answer of another status than 2xx.
type APIError struct {
	StatusCode               int
	Code, Message, RequestID string
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.StatusCode, e.Code, e.Message)
}

func errorOf(response *http.Response, content []byte) *APIError {
	found := &APIError{StatusCode: response.StatusCode, Message: string(content), RequestID: response.Header.Get("X-Request-ID")}
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(content, &said) == nil && said.Error.Message != "" {
		found.Code, found.Message = said.Error.Code, said.Error.Message
	}
	return found
}

// Dates, which the header may hold too, are not understood.
func pause(retryAfter string, repeats int) time.Duration {
	if seconds, err := strconv.Atoi(retryAfter); err == nil {
		return time.Duration(seconds) * time.Second
	}
	most := math.Min(8, 0.5*math.Pow(2, float64(repeats)))
	return time.Duration(most * (1 - 0.25*mathrand.Float64()) * float64(time.Second))
}

// A repeat has the key of the first try, and so is billed once.
func ask(body request) (*http.Response, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	for repeats := 0; ; repeats++ {
		asked, err := http.NewRequest("POST", os.Getenv("GATEWAY_BASE_URL")+"/v1/chat/completions", bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		asked.Header.Set("Authorization", "Bearer "+os.Getenv("GATEWAY_API_KEY"))
		asked.Header.Set("Content-Type", "application/json")
		asked.Header.Set("Idempotency-Key", hex.EncodeToString(key))
		response, err := http.DefaultClient.Do(asked)
		retryAfter := ""
		if err == nil {
			if response.StatusCode < 300 {
				return response, nil
			}
			said, _ := io.ReadAll(response.Body)
			response.Body.Close()
			err = errorOf(response, said)
			if !repeatable[response.StatusCode] {
				return nil, err
			}
			retryAfter = response.Header.Get("Retry-After")
		}
		if repeats == mostRepeats {
			return nil, err
		}
		time.Sleep(pause(retryAfter, repeats))
	}
}

// events tells take comments and data of server-sent events.
func events(body io.Reader, take func(kind, text string) error) error {
	var data []string
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, ":"):
			err = take("comment", strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "data:"):
			data = append(data, strings.TrimPrefix(line[5:], " "))
		case line == "" && len(data) > 0:
			err = take("data", strings.Join(data, "\n"))
			data = nil
		}
		if err != nil {
			return err
		}
	}
}

func main() {
	question := message{Role: "user", Content: "Count to ten."}
	response, err := ask(request{Model: os.Args[1], Messages: []message{question}, Stream: true})
	var failed *APIError
	if errors.As(err, &failed) {
		fmt.Printf("%d %s, request %s\n", failed.StatusCode, failed.Code, failed.RequestID)
		return
	} else if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var meta struct {
		Cost string `json:"cost"`
	}
	isDone := false
	err = events(response.Body, func(kind, text string) error {
		if kind == "comment" {
			if said, found := strings.CutPrefix(text, "gateway "); found {
				return json.Unmarshal([]byte(said), &meta)
			}
			return nil
		}
		if text == "[DONE]" {
			isDone = true
			return nil
		}
		var part chunk
		if err := json.Unmarshal([]byte(text), &part); err != nil {
			return err
		}
		if part.Error != nil {
			return errorOf(response, []byte(text))
		}
		for _, choice := range part.Choices {
			fmt.Print(choice.Delta.Content)
		}
		return nil
	})
	if err == nil && !isDone {
		err = errInterrupted
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\ncost %s, request %s\n", meta.Cost, response.Header.Get("X-Request-ID"))
}
