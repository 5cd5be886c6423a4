package llmgateway

import (
	"bytes"
	"fmt"
	"io"
)

// longestEvent bounds the memory that one event of a stream may take.
const longestEvent = 64 << 20

// Event is one server-sent event as it came.
type Event struct {
	Name string // of its `event:` field; empty without one
	ID   string // of the last `id:` field
	Data []byte // its `data:` lines, joined by line feeds; valid until the next event is read
}

// eventReader reads server-sent events (WHATWG HTML, "Server-sent events").
type eventReader struct {
	lines   lineReader
	comment func(text string)
	id      string
	data    []byte
	isBegun bool
}

func newEventReader(r io.Reader, comment func(string)) *eventReader {
	return &eventReader{lines: lineReader{source: r}, comment: comment}
}

// next returns the next event that has data; io.EOF behind the last one, io.ErrUnexpectedEOF within one.
func (r *eventReader) next() (Event, error) {
	event := Event{}
	r.data = r.data[:0]
	hasData := false
	for {
		line, err := r.lines.next()
		if err == io.EOF && (hasData || event.Name != "") {
			return Event{}, io.ErrUnexpectedEOF
		}
		if err != nil {
			return Event{}, err
		}
		if !r.isBegun {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
			r.isBegun = true
		}
		if len(line) == 0 {
			if hasData {
				event.Data, event.ID = r.data, r.id
				return event, nil
			}
			event = Event{}
			continue
		}
		name, value := splitField(line)
		switch string(name) {
		case "":
			r.comment(string(value))
		case "event":
			event.Name = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				r.id = string(value)
			}
		case "data":
			if hasData {
				r.data = append(r.data, '\n')
			}
			if len(r.data)+len(value) > longestEvent {
				return Event{}, fmt.Errorf("an event of the stream is longer than %d bytes", longestEvent)
			}
			r.data = append(r.data, value...)
			hasData = true
		}
	}
}

// splitField parts a line at its first colon; one space behind it does not count.
func splitField(line []byte) (name, value []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return line, nil
	}
	name, value = line[:colon], line[colon+1:]
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return name, value
}

// lineReader reads lines that end with LF, CR LF or CR alone. A CR ends its line at once: the LF behind it may be long
// in coming, and is dropped when it comes.
type lineReader struct {
	source io.Reader
	buf    []byte
	start  int   // of the line that is read
	seen   int   // up to where it was searched
	end    int   // of what is in buf
	err    error // of source, for when buf is used up
	skipLF bool
}

// next returns a line without its end, valid until the next call; io.ErrUnexpectedEOF when the last one has no end.
func (l *lineReader) next() ([]byte, error) {
	for {
		if l.skipLF && l.start < l.end {
			if l.buf[l.start] == '\n' {
				l.start++
			}
			l.skipLF, l.seen = false, l.start
		}
		if at := lineEnd(l.buf[l.seen:l.end]); at >= 0 {
			stop := l.seen + at
			line := l.buf[l.start:stop]
			l.skipLF = l.buf[stop] == '\r'
			l.start, l.seen = stop+1, stop+1
			return line, nil
		}
		l.seen = l.end
		if l.err != nil {
			if l.err == io.EOF && l.start < l.end {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, l.err
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

func (l *lineReader) fill() error {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.seen -= l.start
		l.start = 0
	}
	if l.end == len(l.buf) {
		if l.end > longestEvent {
			return fmt.Errorf("a line of the stream is longer than %d bytes", longestEvent)
		}
		grown := make([]byte, 2*len(l.buf)+16<<10)
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := l.source.Read(l.buf[l.end:])
	l.end += n
	l.err = err
	return nil
}

func lineEnd(text []byte) int {
	lf := bytes.IndexByte(text, '\n')
	before := text
	if lf >= 0 {
		before = text[:lf]
	}
	if cr := bytes.IndexByte(before, '\r'); cr >= 0 {
		return cr
	}
	return lf
}
