package llmgateway

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A model is an object that the document declares: a struct whose fields have the tag `json`, with ",omitempty" for one
// that may be absent. A blank field with the tag `const` (its name) always has that `value`. The codec knows models by their field
// ExtraFields, and walks a tree of them in one pass, which encoding/json would not.
type model interface{ isModel() }

// modelFields is embedded by every model.
type modelFields struct {
	// ExtraFields are the fields that this version of the SDK does not know.
	ExtraFields ExtraFields `json:"-"`
}

func (*modelFields) isModel() {}

// Unknown is a variant of a union that this version of the SDK does not know. It is sent as it came.
type Unknown struct {
	Tag string // the value of the union's discriminator; empty when it has none
	Raw json.RawMessage
}

func (u Unknown) appendJSON(dst []byte) ([]byte, error) { return appendValue(dst, u.Raw) }

// MarshalJSON writes the variant as it came.
func (u Unknown) MarshalJSON() ([]byte, error) { return u.Raw, nil }

// plan is how a struct is read and written.
type plan struct {
	isModel bool
	fields  []plannedField
	byName  map[string]int
	extra   []int
}

type plannedField struct {
	name     string
	index    int
	optional bool
	constant string // the JSON of a fixed value
}

var plans sync.Map // reflect.Type → *plan

func planOf(kind reflect.Type) *plan {
	if found, ok := plans.Load(kind); ok {
		return found.(*plan)
	}
	made := &plan{byName: map[string]int{}}
	if embedded, ok := kind.FieldByName("modelFields"); ok && embedded.Type == reflect.TypeOf(modelFields{}) {
		made.isModel = true
		made.extra = append(append([]int(nil), embedded.Index...), 0)
		made.read(kind)
	}
	found, _ := plans.LoadOrStore(kind, made)
	return found.(*plan)
}

func (p *plan) read(kind reflect.Type) {
	for i := 0; i < kind.NumField(); i++ {
		tag := kind.Field(i).Tag
		if name, isConstant := tag.Lookup("const"); isConstant {
			p.byName[name] = len(p.fields)
			p.fields = append(p.fields, plannedField{name: name, constant: tag.Get("value")})
			continue
		}
		said, isThere := tag.Lookup("json")
		if !isThere {
			continue
		}
		name, isOptional := said, strings.HasSuffix(said, ",omitempty")
		if isOptional {
			name = strings.TrimSuffix(said, ",omitempty")
		}
		p.byName[name] = len(p.fields)
		p.fields = append(p.fields, plannedField{name: name, index: i, optional: isOptional})
	}
}

func (p *plan) decode(raw []byte, into reflect.Value) error {
	into.Set(reflect.Zero(into.Type()))
	extra := into.FieldByIndex(p.extra).Addr().Interface().(*ExtraFields)
	return eachField(raw, func(name, value []byte) error {
		at, isKnown := p.byName[string(name)]
		if !isKnown || p.fields[at].constant != "" {
			if !isKnown || p.fields[at].constant != string(value) {
				extra.put(string(name), append([]byte(nil), value...))
			}
			return nil
		}
		if err := decodeInto(value, into.Field(p.fields[at].index).Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

func (p *plan) append(dst []byte, from reflect.Value) ([]byte, error) {
	extra := from.FieldByIndex(p.extra).Interface().(ExtraFields)
	w := beginObject(dst)
	for _, field := range p.fields {
		if _, isOther := extra.Get(field.name); isOther {
			continue
		}
		if field.constant != "" {
			w.field(field.name, json.RawMessage(field.constant))
			continue
		}
		value := from.Field(field.index).Interface()
		if field.optional && isAbsent(value) {
			continue
		}
		w.field(field.name, value)
	}
	return w.end(extra)
}

// hasFields tells whether an object has all of these fields.
func hasFields(raw []byte, names ...string) bool {
	missing := len(names)
	err := eachField(raw, func(field, _ []byte) error {
		for _, name := range names {
			if string(field) == name {
				missing--
			}
		}
		return nil
	})
	return err == nil && missing <= 0
}
