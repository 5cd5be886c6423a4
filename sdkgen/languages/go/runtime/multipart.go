package llmgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// InputFile is a file to upload. It is read while it is sent, and never held in memory as a whole.
type InputFile struct {
	Name        string
	ContentType string // found by the name when it is empty
	// Progress is called while the file is sent, with the bytes so far and in all (-1 when that is not known). A retry
	// begins anew.
	Progress func(sent, total int64)

	open func() (io.ReadCloser, int64, error)
	once bool
	used bool
}

// FileFromPath is a file on disk. It is opened when it is sent, so that a request with it can be repeated.
func FileFromPath(path string) *InputFile {
	return &InputFile{
		Name: filepath.Base(path),
		open: func() (io.ReadCloser, int64, error) {
			file, err := os.Open(path)
			if err != nil {
				return nil, 0, err
			}
			info, err := file.Stat()
			if err != nil {
				_ = file.Close()
				return nil, 0, err
			}
			return file, info.Size(), nil
		},
	}
}

// FileFromBytes is a file that is in memory.
func FileFromBytes(name string, data []byte) *InputFile {
	return &InputFile{
		Name: name,
		open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
		},
	}
}

// FileFromReader is a file that can be read once, so a request with it is never repeated.
func FileFromReader(name string, content io.Reader) *InputFile {
	return &InputFile{
		Name: name,
		once: true,
		open: func() (io.ReadCloser, int64, error) { return io.NopCloser(content), -1, nil },
	}
}

// formBody is a body of multipart/form-data.
type formBody struct {
	boundary string
	parts    []formPart
	err      error
}

type formPart struct {
	name string
	text string
	file *InputFile
}

// form makes the fields of a model the body, files last.
func (r *request) form(value any) *request {
	boundary, err := newIdempotencyKey() // random, and of characters that a boundary may have
	form := &formBody{boundary: boundary, err: err}
	r.body = form
	from := reflect.ValueOf(value)
	plan := planOf(from.Type())
	var files []formPart
	for _, field := range plan.fields {
		if field.constant != "" {
			form.field(field.name, json.RawMessage(field.constant))
			continue
		}
		switch value := from.Field(field.index).Interface().(type) {
		case *InputFile:
			files = appendFile(files, field.name, value)
		case []*InputFile:
			for _, file := range value {
				files = appendFile(files, field.name, file)
			}
		default:
			form.field(field.name, value)
		}
	}
	for _, field := range from.FieldByIndex(plan.extra).Interface().(ExtraFields) {
		form.field(field.Name, field.Value)
	}
	form.parts = append(form.parts, files...)
	return r
}

func appendFile(files []formPart, name string, file *InputFile) []formPart {
	if file == nil {
		return files
	}
	return append(files, formPart{name: name, file: file})
}

// field adds a value unless it is absent. Each item of a list is a field of its own, of the same name.
func (f *formBody) field(name string, value any) {
	if isAbsent(value) || f.err != nil {
		return
	}
	raw, err := encodeJSON(value)
	if err != nil {
		f.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	if raw[0] != '[' {
		text, err := unquoted(raw)
		f.parts, f.err = append(f.parts, formPart{name: name, text: text}), err
		return
	}
	f.err = eachItem(raw, func(item []byte) error {
		text, err := unquoted(item)
		f.parts = append(f.parts, formPart{name: name, text: text})
		return err
	})
}

func (f *formBody) contentType() string { return "multipart/form-data; boundary=" + f.boundary }

func (f *formBody) isRepeatable() bool {
	for _, part := range f.parts {
		if part.file != nil && part.file.once {
			return false
		}
	}
	return true
}

// open strings the parts together. The size is known when that of each file is.
func (f *formBody) open() (io.ReadCloser, int64, error) {
	if f.err != nil {
		return nil, 0, fmt.Errorf("%w: %v", ErrConfiguration, f.err)
	}
	chain := &chain{}
	for _, part := range f.parts {
		chain.text("--" + f.boundary + "\r\n" + part.header() + "\r\n")
		if part.file == nil {
			chain.text(part.text)
		} else if err := chain.file(part.file); err != nil {
			_ = chain.Close()
			return nil, 0, err
		}
		chain.text("\r\n")
	}
	chain.text("--" + f.boundary + "--\r\n")
	return chain, chain.size, nil
}

func (p *formPart) header() string {
	named := `Content-Disposition: form-data; name="` + escapeQuotes(p.name) + `"`
	if p.file == nil {
		return named + "\r\n"
	}
	kind := p.file.ContentType
	if kind == "" {
		kind = mime.TypeByExtension(filepath.Ext(p.file.Name))
	}
	if kind == "" || strings.ContainsAny(kind, "\r\n") {
		kind = "application/octet-stream"
	}
	return named + `; filename="` + escapeQuotes(p.file.Name) + `"` + "\r\nContent-Type: " + kind + "\r\n"
}

// escapeQuotes writes a name as browsers do (WHATWG HTML, "multipart/form-data encoding algorithm").
func escapeQuotes(name string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(textproto.TrimString(name))
}

// chain reads one part after the other, and closes all files.
type chain struct {
	parts []io.Reader
	files []io.Closer
	size  int64 // -1 when that of a file is not known
}

func (c *chain) text(text string) {
	c.parts = append(c.parts, strings.NewReader(text))
	if c.size >= 0 {
		c.size += int64(len(text))
	}
}

func (c *chain) file(file *InputFile) error {
	if file.open == nil {
		return fmt.Errorf("%w: an InputFile comes from FileFromPath, FileFromBytes or FileFromReader", ErrConfiguration)
	}
	if file.once && file.used {
		return fmt.Errorf("%w: the file %q can be read once only, and was", ErrConfiguration, file.Name)
	}
	content, size, err := file.open()
	if err != nil {
		return fmt.Errorf("%w: %v", ErrConfiguration, err)
	}
	file.used = true
	c.files = append(c.files, content)
	if size < 0 {
		c.size = -1
	} else if c.size >= 0 {
		c.size += size
	}
	reader := io.Reader(content)
	if size >= 0 {
		reader = &exactReader{content, size, file.Name}
	}
	if file.Progress != nil {
		reader = &progressReader{reader, 0, size, file.Progress}
	}
	c.parts = append(c.parts, reader)
	return nil
}

func (c *chain) Read(p []byte) (int, error) {
	for len(c.parts) > 0 {
		n, err := c.parts[0].Read(p)
		if err == io.EOF {
			c.parts = c.parts[1:]
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

func (c *chain) Close() error {
	var first error
	for _, file := range c.files {
		if err := file.Close(); err != nil && first == nil {
			first = err
		}
	}
	c.files = nil
	return first
}

// exactReader keeps the promise of the request's length when a file grows or shrinks while it is sent.
type exactReader struct {
	source io.Reader
	left   int64
	name   string
}

func (r *exactReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.source.Read(p)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		return n, errors.New("the file " + r.name + " became shorter while it was sent")
	}
	return n, err
}

type progressReader struct {
	source   io.Reader
	sent     int64
	total    int64
	progress func(sent, total int64)
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if n > 0 {
		r.sent += int64(n)
		r.progress(r.sent, r.total)
	}
	return n, err
}

// file makes a file the body as it is.
func (r *request) file(file *InputFile) *request {
	r.body = &fileBody{file}
	return r
}

type fileBody struct{ input *InputFile }

func (b *fileBody) contentType() string {
	if b.input.ContentType != "" {
		return b.input.ContentType
	}
	return "application/octet-stream"
}

func (b *fileBody) isRepeatable() bool { return !b.input.once }

func (b *fileBody) open() (io.ReadCloser, int64, error) {
	content := &chain{}
	if err := content.file(b.input); err != nil {
		return nil, 0, err
	}
	return content, content.size, nil
}
