package llmgateway

import (
	"runtime"
	"strconv"
	"strings"
)

// telemetryHeader names the SDK, its version, the Go version, the operating system, the document that the SDK was made
// from, the number of the retry and the helper in use. It has nothing about the person, the machine or the content.
const telemetryHeader = "X-Gateway-SDK"

const userAgent = "llm-gateway-go/" + sdkVersion

func telemetry(try int, helper string) string {
	text := "go/" + sdkVersion + "; rt=" + goVersion() + "; os=" + runtime.GOOS + "; spec=" + specSHA +
		"; try=" + strconv.Itoa(try)
	if helper != "" {
		text += "; via=" + helper
	}
	return text
}

// goVersion is go-1.22 of go1.22.3, and go-devel of anything unusual.
func goVersion() string {
	parts := strings.SplitN(strings.TrimPrefix(runtime.Version(), "go"), ".", 3)
	if len(parts) < 2 {
		return "go-devel"
	}
	for _, part := range parts[:2] {
		if _, err := strconv.Atoi(part); err != nil {
			return "go-devel"
		}
	}
	return "go-" + parts[0] + "." + parts[1]
}
