package llmgateway

import (
	"bytes"
	"encoding/json"
	"fmt"
)

type optState uint8

const (
	optAbsent optState = iota
	optNull
	optSet
)

// Opt is a field that may be absent, null or set. Its zero value is absent, so a field that is left out of a struct
// literal is not sent.
//
//	llmgateway.Some(0.2)        // a value
//	llmgateway.Null[float64]()  // an explicit null
type Opt[T any] struct {
	value T
	state optState
}

// Some is a set field. Constants need a type where T is not their default one; see [Int], [Float], [String], [Bool].
func Some[T any](value T) Opt[T] { return Opt[T]{value: value, state: optSet} }

// Null is a field that is sent as null.
func Null[T any]() Opt[T] { return Opt[T]{state: optNull} }

// Int is a set integer.
func Int(value int64) Opt[int64] { return Some(value) }

// Float is a set number.
func Float(value float64) Opt[float64] { return Some(value) }

// String is a set string.
func String(value string) Opt[string] { return Some(value) }

// Bool is a set boolean.
func Bool(value bool) Opt[bool] { return Some(value) }

// Get returns the value, and whether there is one: false when the field is absent or null.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optSet }

// Value returns the value, or T's zero value when the field is absent or null.
func (o Opt[T]) Value() T { return o.value }

// Or returns the value, or fallback when the field is absent or null.
func (o Opt[T]) Or(fallback T) T {
	if o.state == optSet {
		return o.value
	}
	return fallback
}

// IsSet tells whether the field has a value.
func (o Opt[T]) IsSet() bool { return o.state == optSet }

// IsNull tells whether the field is null.
func (o Opt[T]) IsNull() bool { return o.state == optNull }

// IsAbsent tells whether the field is missing.
func (o Opt[T]) IsAbsent() bool { return o.state == optAbsent }

// String formats the value; "<absent>" and "<null>" are the other two states.
func (o Opt[T]) String() string {
	switch o.state {
	case optAbsent:
		return "<absent>"
	case optNull:
		return "<null>"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON writes the value, or null. A struct of this package leaves its absent fields out.
func (o Opt[T]) MarshalJSON() ([]byte, error) { return o.appendJSON(nil) }

// UnmarshalJSON reads a value or null.
func (o *Opt[T]) UnmarshalJSON(data []byte) error { return o.decodeJSON(bytes.TrimSpace(data)) }

func (o Opt[T]) appendJSON(dst []byte) ([]byte, error) {
	if o.state != optSet {
		return append(dst, "null"...), nil
	}
	return appendValue(dst, o.value)
}

func (o *Opt[T]) decodeJSON(raw []byte) error {
	if isNull(raw) {
		*o = Null[T]()
		return nil
	}
	var value T
	if err := decodeValue(raw, &value); err != nil {
		return err
	}
	*o = Some(value)
	return nil
}

// ExtraFields are the fields of an object that this version of the SDK does not know, in the order in which they came.
// They are sent again when the object is; in a request they are a way to send a field that is not declared.
type ExtraFields []ExtraField

// ExtraField is one of [ExtraFields].
type ExtraField struct {
	Name  string
	Value json.RawMessage
}

// Get returns the raw value of a field, and whether it is there.
func (e ExtraFields) Get(name string) (json.RawMessage, bool) {
	for _, field := range e {
		if field.Name == name {
			return field.Value, true
		}
	}
	return nil, false
}

// Set adds a field or replaces the one of that name. The value is anything that can be written as JSON.
func (e *ExtraFields) Set(name string, value any) error {
	raw, err := appendValue(nil, value)
	if err != nil {
		return err
	}
	e.put(name, raw)
	return nil
}

func (e *ExtraFields) put(name string, raw []byte) {
	for i := range *e {
		if (*e)[i].Name == name {
			(*e)[i].Value = raw
			return
		}
	}
	*e = append(*e, ExtraField{name, raw})
}
