package llmgateway

import (
	"io"
	"log"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// LogLevel is how much is logged.
type LogLevel int

// Levels, of which each logs what those before it do.
const (
	LogOff   LogLevel = iota
	LogError          // calls that failed
	LogInfo           // calls and retries
	LogDebug          // headers too
)

// Logger takes log lines: a message and pairs of name and value. A [log/slog.Logger] becomes one by NewSlogLogger.
type Logger interface {
	Log(level LogLevel, message string, pairs ...string)
}

// NewLogger writes one line for each message.
func NewLogger(w io.Writer) Logger {
	return lineLogger{log.New(w, "llmgateway ", log.LstdFlags|log.LUTC|log.Lmsgprefix)}
}

type lineLogger struct{ out *log.Logger }

func (l lineLogger) Log(_ LogLevel, message string, pairs ...string) {
	var line strings.Builder
	line.WriteString(message)
	for i := 0; i+1 < len(pairs); i += 2 {
		line.WriteString(" " + pairs[i] + "=" + strconv.Quote(pairs[i+1]))
	}
	l.out.Print(line.String())
}

func (s *settings) log(level LogLevel, message string, pairs ...string) {
	if s.logger != nil && level <= s.logLevel {
		s.logger.Log(level, message, pairs...)
	}
}

func (s *sender) log(try int, a *answer, err error, took time.Duration) {
	set := s.settings
	if set.logger == nil || set.logLevel == LogOff {
		return
	}
	pairs := []string{
		"operation", s.request.operation, "method", s.request.method, "path", s.request.path,
		"try", strconv.Itoa(try), "took", took.Round(time.Millisecond).String(),
	}
	if set.logLevel >= LogDebug {
		pairs = append(pairs, headerPairs(s.header)...)
	}
	if err != nil {
		set.log(LogError, "failed", append(pairs, "error", err.Error())...)
		return
	}
	pairs = append(pairs, "status", strconv.Itoa(a.meta.StatusCode), "request_id", a.meta.RequestID)
	if set.logLevel >= LogDebug {
		pairs = append(pairs, headerPairs(a.response.Header)...)
	}
	set.log(LogInfo, "answered", pairs...)
}

// headerPairs are headers as they may be logged.
func headerPairs(header http.Header) []string {
	var pairs []string
	for _, name := range sortedNames(header) {
		text := strings.Join(header[name], ", ")
		if isSecret(name) {
			text = "[redacted]"
		}
		pairs = append(pairs, name, text)
	}
	return pairs
}

// isSecret tells whether a header may carry a credential: by name, or by a word in it, for headers of one's own.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "cookie", "key", "token", "secret", "password", "signature"} {
		if strings.Contains(name, word) && !strings.HasPrefix(name, "x-ratelimit-") {
			return true
		}
	}
	return false
}

// sortedNames are the names of a map in order.
func sortedNames[T any](values map[string]T) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
