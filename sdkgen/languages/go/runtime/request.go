package llmgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A request is one call before its first attempt. Its methods collect what is sent; the first error stays.
type request struct {
	operation  string // the document's operationId, for logs
	method     string
	path       string
	query      url.Values
	header     http.Header
	accept     string
	body       body
	idempotent bool // the gateway honours an Idempotency-Key
	auth       auth
	err        error
}

// auth is the key that a call needs.
type auth uint8

const (
	withKey auth = iota
	withManagementKey
	withoutKey
)

// A body can be opened once for each attempt.
type body interface {
	contentType() string
	open() (content io.ReadCloser, size int64, err error) // size is -1 when it is not known
	isRepeatable() bool
}

func newRequest(operation, method, path string) *request {
	return &request{
		operation: operation, method: method, path: path,
		query: url.Values{}, header: http.Header{}, accept: "application/json",
	}
}

// pathParameter puts a value in the place of {name}.
func (r *request) pathParameter(name string, value any) *request {
	text, err := plainText(value)
	switch {
	case err != nil:
		return r.fail(fmt.Errorf("%s: %w", name, err))
	case text == "" || text == "." || text == "..":
		return r.fail(fmt.Errorf("%s: %q cannot be part of a path", name, text))
	}
	r.path = strings.Replace(r.path, "{"+name+"}", url.PathEscape(text), 1)
	return r
}

// queryParameter adds a parameter unless it is absent. A list is joined by commas.
func (r *request) queryParameter(name string, value any) *request {
	if isAbsent(value) {
		return r
	}
	text, err := plainText(value)
	if err != nil {
		return r.fail(fmt.Errorf("%s: %w", name, err))
	}
	r.query.Set(name, text)
	return r
}

// headerParameter adds a header unless it is absent.
func (r *request) headerParameter(name string, value any) *request {
	if isAbsent(value) {
		return r
	}
	text, err := plainText(value)
	if err == nil && strings.ContainsAny(text, "\r\n") {
		err = errors.New("a header cannot have a line break")
	}
	if err != nil {
		return r.fail(fmt.Errorf("%s: %w", name, err))
	}
	r.header.Set(name, text)
	return r
}

// json makes a value the body.
func (r *request) json(value any) *request {
	raw, err := encodeJSON(value)
	if err != nil {
		return r.fail(err)
	}
	r.body = bytesBody{raw, "application/json"}
	return r
}

// streamed sets the field of the body by which a caller asks for a stream.
func (r *request) streamed(param string) *request {
	r.accept = "text/event-stream"
	if raw, isJSON := r.body.(bytesBody); isJSON && param != "" {
		changed, err := setField(raw.data, param, true)
		if err != nil {
			return r.fail(err)
		}
		r.body = bytesBody{changed, raw.kind}
	}
	if form, isForm := r.body.(*formBody); isForm && param != "" {
		form.parts = append([]formPart{{name: param, text: "true"}}, form.parts...)
	}
	return r
}

func (r *request) fail(err error) *request {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %v", ErrConfiguration, err)
	}
	return r
}

// setField is an object with one of its fields set, in its place or as the last one.
func setField(object []byte, name string, value any) ([]byte, error) {
	literal, err := encodeJSON(value)
	if err != nil {
		return nil, err
	}
	w := beginObject(nil)
	isSet := false
	err = eachField(object, func(field, raw []byte) error {
		if string(field) == name {
			raw, isSet = literal, true
		}
		w.field(string(field), json.RawMessage(raw))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !isSet {
		w.field(name, json.RawMessage(literal))
	}
	return w.end(nil)
}

// plainText is a value as it stands in a path, a query, a header or a form.
func plainText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	}
	if rv := reflect.ValueOf(value); rv.Kind() == reflect.Slice {
		parts := make([]string, rv.Len())
		for i := range parts {
			part, err := plainText(rv.Index(i).Interface())
			if err != nil {
				return "", err
			}
			parts[i] = part
		}
		return strings.Join(parts, ","), nil
	}
	raw, err := encodeJSON(value)
	if err != nil {
		return "", err
	}
	if len(raw) > 0 && raw[0] == '[' { // a list within an Opt
		var parts []string
		err := eachItem(raw, func(item []byte) error {
			part, err := unquoted(item)
			parts = append(parts, part)
			return err
		})
		return strings.Join(parts, ","), err
	}
	return unquoted(raw)
}

func unquoted(raw []byte) (string, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		err := decodeString(raw, &text)
		return text, err
	}
	return string(raw), nil
}

// bytesBody is a body that is in memory.
type bytesBody struct {
	data []byte
	kind string
}

func (b bytesBody) contentType() string { return b.kind }
func (b bytesBody) isRepeatable() bool  { return true }
func (b bytesBody) open() (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(b.data)), int64(len(b.data)), nil
}
