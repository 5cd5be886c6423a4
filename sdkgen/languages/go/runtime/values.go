package llmgateway

import (
	"fmt"
	"math/big"
	"regexp"
	"time"
)

// Decimal is an exact decimal number, an amount of money as a rule, in the digits in which it came.
type Decimal string

var decimalForm = regexp.MustCompile(`^[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?$`)

// Rat is the exact value. Use it, not Float64, for sums of money.
func (d Decimal) Rat() (*big.Rat, error) {
	if decimalForm.MatchString(string(d)) {
		if value, ok := new(big.Rat).SetString(string(d)); ok {
			return value, nil
		}
	}
	return nil, fmt.Errorf("%q is not a decimal number", string(d))
}

// Float64 is the nearest floating-point number, for charts; 0 when the text is no number.
func (d Decimal) Float64() float64 {
	value, err := d.Rat()
	if err != nil {
		return 0
	}
	nearest, _ := value.Float64()
	return nearest
}

// Date is a day without a time: 2026-11-29.
type Date string

// DateOf is the day of a time in that time's own zone.
func DateOf(t time.Time) Date { return Date(t.Format("2006-01-02")) }

// In is the day's beginning in a zone.
func (d Date) In(zone *time.Location) (time.Time, error) {
	return time.ParseInLocation("2006-01-02", string(d), zone)
}
