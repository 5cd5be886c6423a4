package llmgateway

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What the generator makes of a small document: a model, an open enum, a union with a tag, and one without.

type color string

type note struct {
	Children []note            `json:"children,omitempty"`
	Color    Opt[color]        `json:"color,omitempty"`
	Content  content           `json:"content,omitempty"`
	Count    Opt[int64]        `json:"count,omitempty"`
	Free     any               `json:"free,omitempty"`
	_        string            `const:"kind" value:"\"note\""`
	Labels   map[string]string `json:"labels,omitempty"`
	Parts    []part            `json:"parts,omitempty"`
	Price    Decimal           `json:"price"`
	At       Opt[time.Time]    `json:"at,omitempty"`
	Next     Opt[*note]        `json:"next,omitempty"`

	modelFields
}

func (m *note) UnmarshalJSON(data []byte) error { return decodeDocument(data, m) }
func (m note) MarshalJSON() ([]byte, error)     { return encodeJSON(m) }

type part interface{ isPart() }

type textPart struct {
	Text string `json:"text"`
	_    string `const:"type" value:"\"text\""`

	modelFields
}

func (m *textPart) UnmarshalJSON(data []byte) error { return decodeDocument(data, m) }
func (m textPart) MarshalJSON() ([]byte, error)     { return encodeJSON(m) }

func (textPart) isPart() {}
func (Unknown) isPart()  {}

type content interface{ isContent() }

type contentText string

func (contentText) isContent() {}

type contentParts []part

func (contentParts) isContent() {}
func (Unknown) isContent()      {}

func init() {
	registerUnion[part](func(raw []byte) (any, error) {
		if tag := tagOf(raw, "type"); tag != "text" {
			return unknownVariant(tag, raw)
		}
		return decodeVariant[textPart](raw)
	})
	registerUnion[content](func(raw []byte) (any, error) {
		if jsonKind(raw) == '"' {
			return decodeVariant[contentText](raw)
		}
		if jsonKind(raw) == '[' {
			return decodeVariant[contentParts](raw)
		}
		return unknownVariant("", raw)
	})
}

func decoded(t *testing.T, text string) note {
	t.Helper()
	var found note
	if err := decodeDocument([]byte(text), &found); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return found
}

func TestARoundTripKeepsWhatIsThere(t *testing.T) {
	for name, text := range map[string]string{
		"nothing but what is required": `{"kind":"note","price":"0"}`,
		"an unknown word of an enum":   `{"color":"mauve","kind":"note","price":"0"}`,
		"null is not absence":          `{"color":null,"count":null,"kind":"note","price":"0"}`,
		"zero is not absence":          `{"count":0,"kind":"note","price":"0"}`,
		"digits of money":              `{"kind":"note","price":"0.0000031500"}`,
		"a text as content":            `{"content":"hi","kind":"note","price":"0"}`,
		"parts as content":             `{"content":[{"text":"a","type":"text"}],"kind":"note","price":"0"}`,
		"an unknown variant":           `{"kind":"note","parts":[{"type":"video","url":"u","at":[1,{"x":2.50}]}],"price":"0"}`,
		"a variant without a tag":      `{"kind":"note","parts":[{"url":"u"}],"price":"0"}`,
		"unknown fields, in order":     `{"kind":"note","price":"0","zeta":1.10,"alpha":{"b":[1, 2]},"n":12345678901234567890}`,
		"unknown fields further in":    `{"children":[{"kind":"note","price":"1","new":true}],"kind":"note","price":"0"}`,
		"another constant":             `{"price":"0","kind":"memo"}`,
		"an empty list":                `{"children":[],"kind":"note","parts":[],"price":"0"}`,
		"a union of another form":      `{"content":{"a":1},"kind":"note","price":"0"}`,
		"a time":                       `{"kind":"note","price":"0","at":"2026-11-29T12:00:00.12Z"}`,
		"itself":                       `{"kind":"note","price":"0","next":{"kind":"note","price":"1"}}`,
		"a map":                        `{"kind":"note","labels":{"a":"1","b":"2"},"price":"0"}`,
		"free JSON, digit by digit":    `{"free":{"a":1.50,"b":[9007199254740993]},"kind":"note","price":"0"}`,
		"characters of all kinds":      `{"content":"\"\\\u0001\n\t<&> é 😀","kind":"note","price":"0"}`,
	} {
		t.Run(name, func(t *testing.T) {
			written, err := json.Marshal(decoded(t, text))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := encodeJSON(decoded(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if string(plain) != text {
				t.Errorf("\n got %s\nwant %s", plain, text)
			}
			if !json.Valid(written) {
				t.Errorf("json.Marshal wrote %s", written)
			}
		})
	}
}

func TestNullAbsenceAndAValueAreThreeStates(t *testing.T) {
	absent, null, set := decoded(t, `{"price":"0"}`), decoded(t, `{"count":null,"price":"0"}`), decoded(t, `{"count":5.0}`)

	if !absent.Count.IsAbsent() || !null.Count.IsNull() || !set.Count.IsSet() {
		t.Errorf("%v %v %v", absent.Count, null.Count, set.Count)
	}
	if value, ok := set.Count.Get(); value != 5 || !ok || null.Count.Or(7) != 7 {
		t.Errorf("%v %v %v", value, ok, null.Count.Or(7))
	}
	if (note{}).Count != absent.Count {
		t.Error("a literal without the field is not absent")
	}
}

func TestUnionsAreReadIntoTheirVariants(t *testing.T) {
	found := decoded(t, `{"parts": [ {"type":"text", "text":"a"}, {"type":"video"} ], "content": "hi", "price": "1"}`)

	want := []part{textPart{Text: "a"}, Unknown{"video", json.RawMessage(`{"type":"video"}`)}}
	if !reflect.DeepEqual(found.Parts, want) {
		t.Errorf("%#v", found.Parts)
	}
	if found.Content != contentText("hi") {
		t.Errorf("%#v", found.Content)
	}
}

func TestWhatDoesNotFitIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"children":[{"count":"x"}]}`:  `children: [0]: count: a 64-bit integer was expected, not "x"`,
		`{"count":1.5}`:                 `count: a 64-bit integer was expected, not 1.5`,
		`{"count":9223372036854775808}`: `count: a 64-bit integer was expected, not 9223372036854775808`,
		`{"price":1}`:                   `price: a string was expected, not 1`,
		`{"parts":{}}`:                  `parts: a list was expected, not {}`,
		`{"labels":[]}`:                 `labels: an object was expected, not []`,
		`[]`:                            `an object was expected, not []`,
		`{"price":"0"`:                  `the JSON is malformed`,
		`{"price":"0"} x`:               `the JSON is malformed`,
		``:                              `the JSON is malformed`,
	} {
		var into note
		if err := decodeDocument([]byte(text), &into); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMalformedJSONNeverPanics(t *testing.T) {
	valid := `{"children":[{"kind":"note","price":"1","new":{"a":"\"}]"}}],"color":null,"count":-1e2,"x":[[],{}]}`
	for end := range valid {
		for _, cut := range []string{valid[:end], valid[end:], valid[:end] + "\\" + valid[end:]} {
			var into note
			_ = into.UnmarshalJSON([]byte(cut))
			_ = tagOf([]byte(cut), "x")
			_ = eachItem([]byte(cut), func([]byte) error { return nil })
		}
	}
}

func TestTextIsWrittenAsJSONWritesIt(t *testing.T) {
	for text, want := range map[string]string{
		"<a href=\"x\">&": `"<a href=\"x\">&"`,
		"\x00\x1f\r":      `"\u0000\u001f\r"`,
		"bad \xff utf":    `"bad ` + "\uFFFD" + ` utf"`,
		"\u2028":          "\"\u2028\"",
	} {
		if got := string(appendString(nil, text)); got != want {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
	if _, err := encodeJSON(map[string]any{"x": 0.1, "y": []any{math.Inf(1)}}); err == nil ||
		err.Error() != "y: [0]: +Inf cannot be written as JSON" {
		t.Errorf("%v", err)
	}
}

func TestExtraFieldsAreSent(t *testing.T) {
	n := note{Price: "1"}
	if err := n.ExtraFields.Set("new", map[string]int{"b": 1, "a": 2}); err != nil {
		t.Fatal(err)
	}
	_ = n.ExtraFields.Set("other", nil)
	_ = n.ExtraFields.Set("other", "x")

	got, _ := encodeJSON(n)
	if want := `{"kind":"note","price":"1","new":{"a":2,"b":1},"other":"x"}`; string(got) != want {
		t.Errorf("%s", got)
	}
	n.ExtraFields = ExtraFields{{"bad", json.RawMessage("{")}}
	if _, err := encodeJSON(n); err == nil || !strings.Contains(err.Error(), "not valid JSON") {
		t.Errorf("%v", err)
	}
}

func TestDecimalsAreExact(t *testing.T) {
	a, _ := Decimal("0.1").Rat()
	b, _ := Decimal("0.2").Rat()
	if sum := a.Add(a, b).FloatString(2); sum != "0.30" {
		t.Error(sum)
	}
	for _, text := range []Decimal{"", "1/3", "0x10", "1e999999999", "NaN"} {
		if _, err := text.Rat(); err == nil {
			t.Errorf("%q is no decimal", text)
		}
	}
}

func TestKindsCompare(t *testing.T) {
	failed := newAPIError(Meta{StatusCode: 402}, []byte(`{"error":{"message":"m","type":"t","code":"budget_exceeded"}}`))
	var err error = failed
	if !errors.Is(err, ErrBudgetExceeded) || !errors.Is(err, ErrPaymentRequired) || errors.Is(err, ErrRateLimited) {
		t.Error(failed.Kind())
	}
}
