// Command management makes the calls of calls.go, which the test writes, and prints what came of each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"reflect"

	gateway "example.com/llmgateway"
)

var ctx = context.Background()

type outcome struct {
	ID      string `json:"id"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Problem string `json:"problem"` // anything but an answer or a typed refusal
	Answer  any    `json:"answer"`
}

func main() {
	client, err := gateway.NewClient(gateway.WithMaxRetries(0))
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, each := range calls {
		var meta gateway.Meta
		answer, err := each.make(client, gateway.WithMeta(&meta))
		said := outcome{ID: each.id, Status: meta.StatusCode, Answer: answer}
		var failed *gateway.APIError
		if errors.As(err, &failed) {
			said.Code, said.Answer = failed.Code, nil
			if failed.RequestID() == "" {
				said.Problem = "no request id"
			}
		} else if err != nil {
			said.Problem = err.Error()
		}
		if err := out.Encode(said); err != nil {
			log.Fatal(each.id, ": ", err)
		}
	}
}

// call is one of calls.go.
type call struct {
	id   string
	make func(client *gateway.Client, option gateway.Option) (any, error)
}

// page is a page as it came.
func page[T any](found *gateway.Page[T], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	whole := map[string]any{"results": found.Items}
	for _, field := range found.Raw {
		whole[field.Name] = field.Value
	}
	return whole, nil
}

// plain is an answer with its error.
func plain[T any](found T, err error) (any, error) { return found, err }

// first is the one of several answers that has come.
func first[T any](found *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	fields := reflect.ValueOf(found).Elem()
	for i := 0; i < fields.NumField(); i++ {
		if !fields.Field(i).IsNil() {
			return fields.Field(i).Interface(), nil
		}
	}
	return nil, errors.New("no answer")
}

// file is the content of a file, as a text.
func file(found *gateway.Binary, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	defer found.Close()
	data, err := io.ReadAll(found)
	return string(data), err
}

// empty is a call without an answer.
func empty(err error) (any, error) { return nil, err }

// body is the argument of an example.
func body[T any](text string) T {
	var model T
	if err := json.Unmarshal([]byte(text), &model); err != nil {
		log.Fatalf("%s: %v", text, err)
	}
	return model
}

// pointer is the same where a body may be left out.
func pointer[T any](text string) *T {
	model := body[T](text)
	return &model
}
