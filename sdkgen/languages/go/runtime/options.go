package llmgateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Names of the environment variables that a client reads when an option does not say otherwise.
const (
	EnvAPIKey        = "GATEWAY_API_KEY"
	EnvManagementKey = "GATEWAY_MANAGEMENT_KEY"
	EnvBaseURL       = "GATEWAY_BASE_URL"
	EnvOrganization  = "GATEWAY_ORGANIZATION"
	EnvLog           = "GATEWAY_LOG"           // "info" or "debug"
	EnvTelemetry     = "GATEWAY_SDK_TELEMETRY" // "0" leaves the header X-Gateway-SDK out
)

// Timeouts bound the phases of a call. Zero means no bound.
type Timeouts struct {
	Connect   time.Duration // name resolution, TCP, proxy and TLS of one attempt
	FirstByte time.Duration // from the sent request to the head of the answer, for one attempt
	Idle      time.Duration // silence within an answer
	Total     time.Duration // the whole call: attempts, pauses between them, and reading the answer
}

// Doer sends one HTTP request; [http.Client] is one. It is the seam under which a test puts its own.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Option changes how a client works, or, given to a method, how that one call is made.
type Option func(*settings) error

type settings struct {
	apiKey         string
	managementKey  string
	organization   string
	baseURL        *url.URL
	header         http.Header
	query          url.Values
	timeouts       Timeouts
	maxRetries     int
	idempotencyKey string
	doer           Doer
	transport      *transportSettings
	logger         Logger
	logLevel       LogLevel
	telemetry      bool
	helper         string
	meta           []*Meta
	onRetry        func(Retry)
	sleep          func(context.Context, time.Duration) error
	random         func() float64
}

// transportSettings belong to the connections of a client, so a single call cannot change them.
type transportSettings struct {
	proxy *url.URL
	tls   *tls.Config
}

func defaultSettings() *settings {
	return &settings{
		header:     defaultHeader(),
		query:      url.Values{},
		timeouts:   DefaultTimeouts(),
		maxRetries: DefaultMaxRetries,
		telemetry:  true,
		transport:  &transportSettings{},
		sleep:      sleep,
		random:     random,
	}
}

// fromEnvironment is the first option of every client.
func fromEnvironment(s *settings) error {
	s.apiKey, s.managementKey = os.Getenv(EnvAPIKey), os.Getenv(EnvManagementKey)
	s.organization = os.Getenv(EnvOrganization)
	base := os.Getenv(EnvBaseURL)
	if base == "" {
		base = defaultBaseURL
	}
	if err := WithBaseURL(base)(s); err != nil {
		return err
	}
	switch strings.ToLower(os.Getenv(EnvTelemetry)) {
	case "0", "off", "false", "no":
		s.telemetry = false
	}
	switch strings.ToLower(os.Getenv(EnvLog)) {
	case "debug":
		s.logger, s.logLevel = NewLogger(os.Stderr), LogDebug
	case "info":
		s.logger, s.logLevel = NewLogger(os.Stderr), LogInfo
	}
	return nil
}

// with is a copy of the settings that the options have changed.
func (s *settings) with(options []Option) (*settings, error) {
	changed := *s
	changed.header = s.header.Clone()
	changed.query = cloneValues(s.query)
	changed.meta = nil
	transport := *s.transport
	changed.transport = &transport
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&changed); err != nil {
			return nil, err
		}
	}
	return &changed, nil
}

func cloneValues(values url.Values) url.Values {
	return url.Values(http.Header(values).Clone())
}

// WithAPIKey sets the virtual key, for calls of models; else it is the environment's GATEWAY_API_KEY.
func WithAPIKey(key string) Option {
	return func(s *settings) error { return setKey(&s.apiKey, key) }
}

// WithManagementKey sets the key of the management API; else it is the environment's GATEWAY_MANAGEMENT_KEY.
func WithManagementKey(key string) Option {
	return func(s *settings) error { return setKey(&s.managementKey, key) }
}

func setKey(into *string, key string) error {
	key = strings.TrimSpace(key)
	if strings.ContainsAny(key, "\r\n") {
		return fmt.Errorf("%w: the key has a line break in it", ErrConfiguration)
	}
	*into = key
	return nil
}

// WithBaseURL sets the gateway's address, without /v1; else it is the environment's GATEWAY_BASE_URL.
func WithBaseURL(address string) Option {
	return func(s *settings) error {
		base, err := url.Parse(strings.TrimSpace(address))
		if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil {
			return fmt.Errorf("%w: the base URL %q is not of the form https://host[:port][/path]", ErrConfiguration,
				address)
		}
		if base.RawQuery != "" || base.Fragment != "" {
			return fmt.Errorf("%w: the base URL %q has a query or fragment", ErrConfiguration, address)
		}
		base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), ""
		s.baseURL = base
		return nil
	}
}

// WithHeader sets a header; an empty value takes it out.
func WithHeader(name, value string) Option {
	return func(s *settings) error {
		if strings.ContainsAny(name+value, "\r\n") {
			return fmt.Errorf("%w: the header %q has a line break in it", ErrConfiguration, name)
		}
		s.header[http.CanonicalHeaderKey(name)] = []string{value}
		return nil
	}
}

// WithQuery adds a parameter to the URL, for one that is not declared.
func WithQuery(name, value string) Option {
	return func(s *settings) error {
		s.query.Add(name, value)
		return nil
	}
}

// WithTimeouts replaces all time-outs.
func WithTimeouts(timeouts Timeouts) Option {
	return func(s *settings) error {
		s.timeouts = timeouts
		return nil
	}
}

// WithTimeout bounds the whole call; see [Timeouts].
func WithTimeout(total time.Duration) Option {
	return func(s *settings) error {
		s.timeouts.Total = total
		return nil
	}
}

// WithMaxRetries sets how often a failed request is sent again; 0 is never.
func WithMaxRetries(count int) Option {
	return func(s *settings) error {
		if count < 0 {
			return fmt.Errorf("%w: the number of retries is negative", ErrConfiguration)
		}
		s.maxRetries = count
		return nil
	}
}

// WithIdempotencyKey names a call, so that the gateway makes and bills it once however often it is sent. The SDK makes
// such a key by itself where the gateway honours it; set one to go on after your own process has died.
func WithIdempotencyKey(key string) Option {
	return func(s *settings) error {
		s.idempotencyKey = key
		return WithHeader("Idempotency-Key", key)(s)
	}
}

// WithTag puts a tag on the usage record of calls: X-Gateway-Tags.
func WithTag(name, value string) Option {
	return func(s *settings) error {
		tag := name + "=" + value
		if name == "" || strings.ContainsAny(tag, ",\r\n") || strings.Contains(name, "=") {
			return fmt.Errorf("%w: %q is not a tag", ErrConfiguration, tag)
		}
		if before := s.header.Get("X-Gateway-Tags"); before != "" {
			tag = before + "," + tag
		}
		s.header.Set("X-Gateway-Tags", tag)
		return nil
	}
}

// WithEndUser names the person behind calls, on their usage records.
func WithEndUser(name string) Option { return WithHeader("X-Gateway-End-User", name) }

// WithCache asks the response cache: no-cache, no-store or max-age=N.
func WithCache(directive string) Option { return WithHeader("X-Gateway-Cache", directive) }

// WithRoute asks for a routing strategy, where the route allows it.
func WithRoute(strategy string) Option { return WithHeader("X-Gateway-Route", strategy) }

// WithOrganization chooses the organization of management calls by its slug, for callers who belong to several; else it
// is the environment's GATEWAY_ORGANIZATION.
func WithOrganization(slug string) Option {
	return func(s *settings) error { return setKey(&s.organization, slug) }
}

// WithMeta has the answer's [Meta] stored in meta, also when the call fails.
func WithMeta(meta *Meta) Option {
	return func(s *settings) error {
		s.meta = append(s.meta, meta)
		return nil
	}
}

// WithHTTPClient sends requests by another client, an [http.Client] as a rule. Proxy, TLS and redirects are its own then.
func WithHTTPClient(doer Doer) Option {
	return func(s *settings) error {
		s.doer = doer
		return nil
	}
}

// WithProxy sends all requests of a client through a proxy; else the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY
// say through which. It has no effect on a single call.
func WithProxy(address string) Option {
	return func(s *settings) error {
		proxy, err := url.Parse(address)
		if err != nil || proxy.Host == "" {
			return fmt.Errorf("%w: the proxy's address is not a URL", ErrConfiguration)
		}
		s.transport.proxy = proxy
		return nil
	}
}

// WithTLSConfig sets the TLS configuration of a client: own authorities, client certificates. It has no effect on a
// single call.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) error {
		s.transport.tls = config.Clone()
		return nil
	}
}

// Retry is told to WithOnRetry before the pause.
type Retry struct {
	Number int           // from 1
	Pause  time.Duration // until the request is sent again
	Err    error         // why it is
}

// WithOnRetry has a function called before each retry.
func WithOnRetry(tell func(Retry)) Option {
	return func(s *settings) error {
		s.onRetry = tell
		return nil
	}
}

// WithLogger has calls logged. Keys and cookies are never logged, nor is what is sent and answered.
func WithLogger(logger Logger, level LogLevel) Option {
	return func(s *settings) error {
		s.logger, s.logLevel = logger, level
		return nil
	}
}

// WithoutTelemetry leaves the header X-Gateway-SDK out; see the README for what it says.
func WithoutTelemetry() Option {
	return func(s *settings) error {
		s.telemetry = false
		return nil
	}
}

// withHelper names the convenience by which a call is made, for the telemetry header.
func withHelper(name string) Option {
	return func(s *settings) error {
		s.helper = name
		return nil
	}
}
