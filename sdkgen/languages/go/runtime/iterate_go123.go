//go:build go1.23

package llmgateway

import "iter"

// All ranges over the events and closes the stream. The last pair has the error, when there is one.
func (s *Stream[E, R]) All() iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		defer s.Close()
		for s.Next() {
			if !yield(s.Current(), nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			var none E
			yield(none, err)
		}
	}
}

// All ranges over the items of all pages. The last pair has the error, when there is one.
func (i *Items[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i.Next() {
			if !yield(i.Current(), nil) {
				return
			}
		}
		if err := i.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}
