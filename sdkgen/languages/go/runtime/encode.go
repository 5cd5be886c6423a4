package llmgateway

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"unicode/utf8"
)

// An appender writes itself as JSON behind dst.
type appender interface {
	appendJSON(dst []byte) ([]byte, error)
}

// An objectWriter writes the fields of an object in the order of its calls. Its first error stays.
type objectWriter struct {
	buf   []byte
	start int
	err   error
}

func beginObject(dst []byte) *objectWriter {
	dst = append(dst, '{')
	return &objectWriter{buf: dst, start: len(dst)}
}

// field writes a field that is always there.
func (w *objectWriter) field(name string, value any) {
	if w.err != nil {
		return
	}
	w.name(name)
	if w.buf, w.err = appendValue(w.buf, value); w.err != nil {
		w.err = fmt.Errorf("%s: %w", name, w.err)
	}
}

// end writes further fields, and the closing brace.
func (w *objectWriter) end(extra ExtraFields) ([]byte, error) {
	for _, field := range extra {
		if len(field.Value) == 0 {
			return nil, fmt.Errorf("extra field %q has no value", field.Name)
		}
		w.field(field.Name, field.Value)
	}
	if w.err != nil {
		return nil, w.err
	}
	return append(w.buf, '}'), nil
}

func (w *objectWriter) name(name string) {
	if len(w.buf) > w.start {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(appendString(w.buf, name), ':')
}

func isAbsent(value any) bool {
	if value == nil {
		return true
	}
	if optional, ok := value.(interface{ IsAbsent() bool }); ok {
		return optional.IsAbsent()
	}
	switch rv := reflect.ValueOf(value); rv.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return rv.IsNil()
	}
	return false
}

// encodeJSON is the JSON of any value, with numbers and strings as they are and no HTML escaping.
func encodeJSON(value any) ([]byte, error) { return appendValue(nil, value) }

func appendValue(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendString(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case float64:
		return appendFloat(dst, v)
	case json.Number:
		if !json.Valid([]byte(v)) {
			return dst, fmt.Errorf("%q is not a number", string(v))
		}
		return append(dst, v...), nil
	case json.RawMessage:
		if !json.Valid(v) {
			return dst, fmt.Errorf("the raw value is not valid JSON")
		}
		return append(dst, v...), nil
	case appender:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return append(dst, "null"...), nil
		}
		return v.appendJSON(dst)
	}
	rv := reflect.ValueOf(value)
	if rv.Kind() == reflect.Struct {
		if plan := planOf(rv.Type()); plan.isModel {
			return plan.append(dst, rv)
		}
	}
	if v, ok := value.(json.Marshaler); ok && rv.Kind() != reflect.Pointer {
		raw, err := json.Marshal(v)
		return append(dst, raw...), err
	}
	return appendReflected(dst, rv)
}

func appendReflected(dst []byte, rv reflect.Value) ([]byte, error) {
	switch rv.Kind() {
	case reflect.String:
		return appendString(dst, rv.String()), nil
	case reflect.Slice, reflect.Array:
		if rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Uint8 {
			break // base64, as encoding/json has it
		}
		return appendList(dst, rv)
	case reflect.Map:
		if rv.Type().Key().Kind() == reflect.String {
			return appendMap(dst, rv)
		}
	case reflect.Pointer:
		if rv.IsNil() {
			return append(dst, "null"...), nil
		}
		return appendValue(dst, rv.Elem().Interface())
	}
	raw, err := json.Marshal(rv.Interface())
	return append(dst, raw...), err
}

func appendList(dst []byte, rv reflect.Value) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := 0; i < rv.Len(); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, rv.Index(i).Interface()); err != nil {
			return dst, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, rv reflect.Value) ([]byte, error) {
	keys := rv.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	w := beginObject(dst)
	for _, key := range keys {
		w.field(key.String(), rv.MapIndex(key).Interface())
	}
	return w.end(nil)
}

// appendFloat writes a number as ECMAScript does, which is what other writers of JSON do too.
func appendFloat(dst []byte, value float64) ([]byte, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return dst, fmt.Errorf("%v cannot be written as JSON", value)
	}
	format := byte('f')
	if size := math.Abs(value); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, value, format, -1, 64), nil
}

const hexDigits = "0123456789abcdef"

// appendString quotes a text: what JSON demands is escaped, invalid UTF-8 becomes U+FFFD, the rest is as it is.
func appendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		char := text[i]
		if char >= 0x20 && char != '"' && char != '\\' && char < utf8.RuneSelf {
			i++
			continue
		}
		if char >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, text[start:i]...)
		switch {
		case char == '"' || char == '\\':
			dst = append(dst, '\\', char)
		case char == '\n':
			dst = append(dst, '\\', 'n')
		case char == '\r':
			dst = append(dst, '\\', 'r')
		case char == '\t':
			dst = append(dst, '\\', 't')
		case char < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[char>>4], hexDigits[char&15])
		default:
			dst = append(dst, "\uFFFD"...)
		}
		i++
		start = i
	}
	return append(append(dst, text[start:]...), '"')
}
