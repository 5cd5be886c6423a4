// Command client prints a streamed answer, by the SDK.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	gateway "example.com/llmgateway"
)

func main() {
	client, err := gateway.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	stream, err := client.Chat.Completions.Stream(context.Background(), gateway.ChatCompletionRequest{
		Model:    os.Args[1],
		Messages: []gateway.ChatMessage{gateway.ChatUserMessage{Content: gateway.ChatUserContentString("Count to ten.")}},
	})
	var failed *gateway.APIError
	if errors.As(err, &failed) {
		fmt.Printf("%d %s, request %s\n", failed.StatusCode, failed.Code, failed.RequestID())
		return
	} else if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			fmt.Print(choice.Delta.Content.Value())
		}
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\ncost %s, request %s\n", stream.Meta().Cost, stream.Meta().RequestID)
}
