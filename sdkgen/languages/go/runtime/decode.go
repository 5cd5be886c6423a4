package llmgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

var errSyntax = errors.New("the JSON is malformed")

// A decoder reads itself from one JSON value without white space around it.
type decoder interface {
	decodeJSON(raw []byte) error
}

// unions has the reader of each union, by its interface type.
var unions = map[reflect.Type]func(raw []byte) (any, error){}

func registerUnion[T any](read func(raw []byte) (any, error)) {
	unions[reflect.TypeOf((*T)(nil)).Elem()] = read
}

// decodeDocument reads a whole document into what a pointer points to.
func decodeDocument(data []byte, into any) error {
	data = bytes.TrimSpace(data)
	if !json.Valid(data) {
		return errSyntax
	}
	return decodeInto(data, into)
}

func decodeValue[T any](raw []byte, into *T) error { return decodeInto(raw, any(into)) }

func decodeInto(raw []byte, into any) error {
	switch target := into.(type) {
	case *string:
		return decodeString(raw, target)
	case *int64:
		return decodeInt(raw, target)
	case *bool:
		return decodeBool(raw, target)
	case *float64:
		return decodeFloat(raw, target)
	case *json.RawMessage:
		*target = append(json.RawMessage(nil), raw...)
		return nil
	case decoder:
		return target.decodeJSON(raw)
	case model:
		return decodeReflected(raw, reflect.ValueOf(into).Elem())
	case json.Unmarshaler:
		return target.UnmarshalJSON(raw)
	}
	return decodeReflected(raw, reflect.ValueOf(into).Elem())
}

func decodeReflected(raw []byte, into reflect.Value) error {
	if isNull(raw) {
		into.Set(reflect.Zero(into.Type()))
		return nil
	}
	switch into.Kind() {
	case reflect.String:
		var text string
		err := decodeString(raw, &text)
		into.SetString(text)
		return err
	case reflect.Slice:
		if into.Type().Elem().Kind() != reflect.Uint8 {
			return decodeSlice(raw, into)
		}
	case reflect.Map:
		if into.Type().Key().Kind() == reflect.String {
			return decodeMap(raw, into)
		}
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return decodeInto(raw, into.Interface())
	case reflect.Interface:
		return decodeInterface(raw, into)
	case reflect.Struct:
		if plan := planOf(into.Type()); plan.isModel {
			return plan.decode(raw, into)
		}
	}
	return json.Unmarshal(raw, into.Addr().Interface())
}

func decodeSlice(raw []byte, into reflect.Value) error {
	list := reflect.MakeSlice(into.Type(), 0, 1)
	zero := reflect.Zero(into.Type().Elem())
	index := 0
	err := eachItem(raw, func(item []byte) error {
		list = reflect.Append(list, zero)
		if err := decodeInto(item, list.Index(index).Addr().Interface()); err != nil {
			return fmt.Errorf("[%d]: %w", index, err)
		}
		index++
		return nil
	})
	into.Set(list)
	return err
}

func decodeMap(raw []byte, into reflect.Value) error {
	kind := into.Type()
	found := reflect.MakeMap(kind)
	err := eachField(raw, func(name, item []byte) error {
		value := reflect.New(kind.Elem())
		if err := decodeInto(item, value.Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found.SetMapIndex(reflect.ValueOf(string(name)).Convert(kind.Key()), value.Elem())
		return nil
	})
	into.Set(found)
	return err
}

func decodeInterface(raw []byte, into reflect.Value) error {
	if read, isUnion := unions[into.Type()]; isUnion {
		value, err := read(raw)
		if err == nil {
			into.Set(reflect.ValueOf(value))
		}
		return err
	}
	var value any
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.UseNumber() // free-form JSON keeps its numbers digit by digit
	if err := reader.Decode(&value); err != nil {
		return err
	}
	into.Set(reflect.ValueOf(value))
	return nil
}

func isNull(raw []byte) bool { return len(raw) == 4 && string(raw) == "null" }

func decodeString(raw []byte, into *string) error {
	switch {
	case isNull(raw):
		*into = ""
		return nil
	case len(raw) < 2 || raw[0] != '"':
		return mismatch("a string", raw)
	case bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw):
		*into = string(raw[1 : len(raw)-1])
		return nil
	}
	return json.Unmarshal(raw, into)
}

func decodeBool(raw []byte, into *bool) error {
	switch string(raw) {
	case "true":
		*into = true
	case "false", "null":
		*into = false
	default:
		return mismatch("a boolean", raw)
	}
	return nil
}

// decodeInt takes 5, and 5.0 or 5e0, which are the same number in JSON.
func decodeInt(raw []byte, into *int64) error {
	if isNull(raw) {
		*into = 0
		return nil
	}
	value, err := strconv.ParseInt(string(raw), 10, 64)
	if err == nil {
		*into = value
		return nil
	}
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) >= 1<<63 {
		return mismatch("a 64-bit integer", raw)
	}
	*into = int64(number)
	return nil
}

func decodeFloat(raw []byte, into *float64) error {
	if isNull(raw) {
		*into = 0
		return nil
	}
	value, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return mismatch("a number", raw)
	}
	*into = value
	return nil
}

func mismatch(wanted string, raw []byte) error {
	const most = 40
	if len(raw) > most {
		return fmt.Errorf("%s was expected, not %s…", wanted, raw[:most])
	}
	return fmt.Errorf("%s was expected, not %s", wanted, raw)
}

// tagOf is the string in a union's discriminating field; empty when there is none.
func tagOf(raw []byte, name string) string {
	var tag string
	_ = eachField(raw, func(field, value []byte) error {
		if string(field) == name && len(value) > 0 && value[0] == '"' {
			return decodeString(value, &tag)
		}
		return nil
	})
	return tag
}

// eachField walks an object without reading what is in its values. Names and values are valid during the call only.
func eachField(raw []byte, each func(name, value []byte) error) error {
	if len(raw) == 0 || raw[0] != '{' {
		return mismatch("an object", raw)
	}
	i := skipSpace(raw, 1)
	if i < len(raw) && raw[i] == '}' {
		return nil
	}
	for {
		start := i
		end, err := skipString(raw, i)
		if err != nil {
			return err
		}
		name := raw[start+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			var text string
			if err := json.Unmarshal(raw[start:end], &text); err != nil {
				return err
			}
			name = []byte(text)
		}
		if i = skipSpace(raw, end); i >= len(raw) || raw[i] != ':' {
			return errSyntax
		}
		start = skipSpace(raw, i+1)
		if end, err = skipValue(raw, start); err != nil {
			return err
		}
		if err := each(name, raw[start:end]); err != nil {
			return err
		}
		if i = skipSpace(raw, end); i >= len(raw) {
			return errSyntax
		}
		if raw[i] == '}' {
			return nil
		}
		if raw[i] != ',' {
			return errSyntax
		}
		i = skipSpace(raw, i+1)
	}
}

// eachItem walks a list without reading what is in its items, which are valid during the call only.
func eachItem(raw []byte, each func(item []byte) error) error {
	if len(raw) == 0 || raw[0] != '[' {
		return mismatch("a list", raw)
	}
	i := skipSpace(raw, 1)
	if i < len(raw) && raw[i] == ']' {
		return nil
	}
	for {
		end, err := skipValue(raw, i)
		if err != nil {
			return err
		}
		if err := each(raw[i:end]); err != nil {
			return err
		}
		if i = skipSpace(raw, end); i >= len(raw) {
			return errSyntax
		}
		if raw[i] == ']' {
			return nil
		}
		if raw[i] != ',' {
			return errSyntax
		}
		i = skipSpace(raw, i+1)
	}
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the place behind the string that begins at i.
func skipString(raw []byte, i int) (int, error) {
	if i >= len(raw) || raw[i] != '"' {
		return 0, errSyntax
	}
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
		}
	}
	return 0, errSyntax
}

// skipValue returns the place behind the value that begins at i. The document was checked to be valid as a whole.
func skipValue(raw []byte, i int) (int, error) {
	if i >= len(raw) {
		return 0, errSyntax
	}
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
		return skipNested(raw, i)
	}
	start := i
	for i < len(raw) && raw[i] != ',' && raw[i] != '}' && raw[i] != ']' && skipSpace(raw, i) == i {
		i++
	}
	if i == start {
		return 0, errSyntax
	}
	return i, nil
}

func skipNested(raw []byte, i int) (int, error) {
	depth := 0
	for i < len(raw) {
		switch raw[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		case '"':
			end, err := skipString(raw, i)
			if err != nil {
				return 0, err
			}
			i = end
			continue
		}
		i++
	}
	return 0, errSyntax
}

// decodeVariant reads one variant of a union.
func decodeVariant[T any](raw []byte) (any, error) {
	var value T
	err := decodeInto(raw, &value)
	return value, err
}

// unknownVariant keeps a variant that is not declared.
func unknownVariant(tag string, raw []byte) (any, error) {
	return Unknown{tag, append(json.RawMessage(nil), raw...)}, nil
}

// jsonKind is the first character of a value, which tells its type; any number is 0, and null is n.
func jsonKind(raw []byte) byte {
	if len(raw) == 0 {
		return 'n'
	}
	switch raw[0] {
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	case 'f':
		return 't'
	}
	return raw[0]
}
