//go:build go1.21

package llmgateway

import (
	"context"
	"log/slog"
)

// NewSlogLogger makes a [slog.Logger] a [Logger].
func NewSlogLogger(logger *slog.Logger) Logger { return slogLogger{logger} }

type slogLogger struct{ out *slog.Logger }

func (l slogLogger) Log(level LogLevel, message string, pairs ...string) {
	levels := map[LogLevel]slog.Level{LogError: slog.LevelError, LogInfo: slog.LevelInfo, LogDebug: slog.LevelDebug}
	args := make([]any, len(pairs))
	for i, pair := range pairs {
		args[i] = pair
	}
	l.out.Log(context.Background(), levels[level], message, args...)
}
