package llmgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// pageRules say how the pages of a list follow each other.
type pageRules struct {
	kind  string // "page": numbered. "cursor": by the last item's id
	items string // the answer's field that has the items
	next  string // the parameter that asks for the next page
	more  string // the answer's field that tells whether there is one: a link, or true
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Meta  Meta
	// Raw has the answer's other fields.
	Raw ExtraFields

	core    *core
	request *request
	options []Option
	rules   pageRules
	next    string // the parameter's value for the next page; empty behind the last one
}

// callPage gets the first page of a list.
func callPage[T any](ctx context.Context, c *core, r *request, rules pageRules, options []Option) (*Page[T], error) {
	var meta Meta
	raw, err := call[json.RawMessage](ctx, c, r, append([]Option{WithMeta(&meta)}, options...))
	if err != nil {
		return nil, err
	}
	page := &Page[T]{Meta: meta, core: c, request: r, options: options, rules: rules}
	if err := page.read(bytes.TrimSpace(*raw)); err != nil {
		return nil, &DecodeError{Body: meta.Body, Meta: meta, Err: err}
	}
	return page, nil
}

func (p *Page[T]) read(raw []byte) error {
	lastID := ""
	err := eachField(raw, func(name, value []byte) error {
		if string(name) != p.rules.items {
			p.Raw.put(string(name), append([]byte(nil), value...))
			return nil
		}
		err := eachItem(value, func(item []byte) error {
			lastID = tagOf(item, "id")
			return nil
		})
		if err != nil {
			return err
		}
		return decodeValue(value, &p.Items)
	})
	if err != nil {
		return err
	}
	more, _ := p.Raw.Get(p.rules.more)
	return p.follow(more, lastID)
}

// follow finds the value that asks for the next page. A link is not followed: the gateway may not know by which address
// its clients reach it.
func (p *Page[T]) follow(more json.RawMessage, lastID string) error {
	switch {
	case len(more) == 0 || isNull(more) || string(more) == "false" || string(more) == `""`:
		return nil
	case p.rules.kind == "cursor":
		p.next = lastID
		return nil
	}
	number := int64(1)
	if asked := p.request.query.Get(p.rules.next); asked != "" {
		var err error
		if number, err = strconv.ParseInt(asked, 10, 64); err != nil {
			return fmt.Errorf("%s: %q is not the number of a page", p.rules.next, asked)
		}
	}
	p.next = strconv.FormatInt(number+1, 10)
	return nil
}

// Count is how many items there are on all pages; false when the gateway does not say.
func (p *Page[T]) Count() (int64, bool) {
	raw, isThere := p.Raw.Get("count")
	var count int64
	err := decodeInt(raw, &count)
	return count, isThere && err == nil
}

// HasNext tells whether another page follows.
func (p *Page[T]) HasNext() bool { return p.next != "" }

// Next gets the page that follows; nil behind the last one.
func (p *Page[T]) Next(ctx context.Context) (*Page[T], error) {
	if !p.HasNext() {
		return nil, nil
	}
	following := *p.request
	following.query = cloneValues(p.request.query)
	following.query.Set(p.rules.next, p.next)
	return callPage[T](ctx, p.core, &following, p.rules, p.options)
}

// Items goes through the items of all pages, and gets each page when it is needed:
//
//	for items.Next() {
//		use(items.Current())
//	}
//	if err := items.Err(); err != nil { … }
type Items[T any] struct {
	ctx   context.Context
	first func(ctx context.Context) (*Page[T], error)
	page  *Page[T]
	index int
	err   error
}

// allItems goes through a list from its first page on.
func allItems[T any](ctx context.Context, first func(ctx context.Context) (*Page[T], error)) *Items[T] {
	return &Items[T]{ctx: ctx, first: first, index: -1}
}

// Next goes to the next item; false behind the last one, and when a page could not be had: see Err.
func (i *Items[T]) Next() bool {
	if i.err != nil {
		return false
	}
	if i.page == nil {
		if i.page, i.err = i.first(i.ctx); i.err != nil {
			return false
		}
	}
	i.index++
	for i.index >= len(i.page.Items) {
		if !i.page.HasNext() {
			return false
		}
		following, err := i.page.Next(i.ctx)
		if err != nil {
			i.err = err
			return false
		}
		i.page, i.index = following, 0
	}
	return true
}

// Current is the item at which Next has arrived.
func (i *Items[T]) Current() T { return i.page.Items[i.index] }

// Err tells what ended the walk; nil when all items were seen.
func (i *Items[T]) Err() error { return i.err }
