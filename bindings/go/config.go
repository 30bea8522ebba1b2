package asyncproducer

// #include <stdlib.h>
// #include <async_producer.h>
import "C"

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// Config has the properties of a producer by the library's names: its own (delivery_threshold, max_queue_size ...)
// and librdkafka's (bootstrap.servers, compression.codec ...).
//
// A value is a string, a bool, a number, a []string (joined by commas) or, for the properties in seconds and those
// whose name ends in ".ms", a time.Duration.
type Config map[string]any

// Option is what New takes beside the properties.
type Option func(*options)

type options struct {
	file      string
	events    EventType
	handler   func(Event)
	noReports bool
}

// mask is the events that the library is to report.
func (o *options) mask() EventType {
	mask := settlements
	if o.noReports {
		mask = 0
	}
	if o.handler != nil {
		mask |= o.events
	}
	return mask
}

// OnEvents has events of these types (an OR of EventType) told to a handler; see the package's notes on handlers. Given
// again, it replaces the one before.
func OnEvents(types EventType, handler func(Event)) Option {
	return func(o *options) { o.events, o.handler = types, handler }
}

// NoReports does without OnReport and Reports, which are then refused. It saves the library the reporting of messages
// whose end nobody awaits; Stats counts them all the same.
func NoReports() Option {
	return func(o *options) { o.noReports = true }
}

// ConfigFile sets the properties of a file of key=value lines first; those of Config win.
func ConfigFile(path string) Option {
	return func(o *options) { o.file = path }
}

// settings is a configuration in C, to be freed.
type settings struct {
	raw    *C.ap_config_t
	errbuf [1024]C.char
}

func newSettings(config Config, o *options) (*settings, error) {
	s := &settings{raw: C.ap_config_new()}
	if s.raw == nil {
		return nil, ErrNoMemory
	}
	if err := s.fill(config, o); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

func (s *settings) free() { C.ap_config_free(s.raw) }

func (s *settings) fill(config Config, o *options) error {
	if o.file != "" {
		if err := s.load(o.file); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(config)) { // sorted: of two wrong ones always the same is named
		value, err := propertyText(key, config[key])
		if err != nil {
			return err
		}
		if err := s.set(key, value); err != nil {
			return err
		}
	}
	if err := s.set("event_mode", "poll"); err != nil {
		return err
	}
	if C.ap_config_set_event_callback(s.raw, C.uint32_t(o.mask()), nil, nil, nil) != C.AP_OK {
		text := fmt.Sprintf("OnEvents: types %#x; bits of EventAll (%#x) are allowed", uint32(o.events), uint32(EventAll))
		return &Error{Status: ErrInvalidArgument, Text: text}
	}
	return nil
}

func (s *settings) set(key, value string) error {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	return s.outcome(C.ap_config_set(s.raw, k, v, &s.errbuf[0], C.size_t(len(s.errbuf))))
}

func (s *settings) load(path string) error {
	if strings.IndexByte(path, 0) >= 0 {
		return &Error{Status: ErrConfig, Text: fmt.Sprintf("ConfigFile: %q has a NUL in it", path)}
	}
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	return s.outcome(C.ap_config_load(s.raw, p, &s.errbuf[0], C.size_t(len(s.errbuf))))
}

// producer makes one in C.
func (s *settings) producer() (*C.ap_producer_t, error) {
	var handle *C.ap_producer_t
	status := C.ap_new(s.raw, &handle, &s.errbuf[0], C.size_t(len(s.errbuf)))
	return handle, s.outcome(status)
}

// outcome makes an error of a status and of what errbuf says.
func (s *settings) outcome(status C.ap_status_t) error {
	if status == C.AP_OK {
		return nil
	}
	text := C.GoString(&s.errbuf[0])
	if text == "" {
		return Status(status)
	}
	return &Error{Status: Status(status), Text: text}
}

// inSeconds are the library's own properties that are a time.
var inSeconds = []string{"delivery_interval", "overflow_wait", "retry_backoff", "stall_report_interval"}

// propertyText is a property's value as the library reads it.
func propertyText(key string, value any) (string, error) {
	refuse := func(reason string) (string, error) {
		return "", &Error{Status: ErrConfig, Text: fmt.Sprintf("%q: %s", key, reason)}
	}
	if key == "event_mode" {
		return refuse("the binding reads the events itself; leave it out")
	}
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		text = fmt.Sprint(v)
	case float32:
		text = strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		text = strings.Join(v, ",")
	case time.Duration:
		switch {
		case slices.Contains(inSeconds, key):
			text = strconv.FormatFloat(v.Seconds(), 'f', -1, 64)
		case strings.HasSuffix(key, ".ms") && v%time.Millisecond == 0:
			text = strconv.FormatInt(v.Milliseconds(), 10)
		case strings.HasSuffix(key, ".ms"):
			return refuse(fmt.Sprintf("%v is not a whole number of milliseconds", v))
		default:
			return refuse(fmt.Sprintf("a time.Duration is for %s and properties that end in .ms",
				strings.Join(inSeconds, ", ")))
		}
	default:
		const allowed = "string, bool, numbers, []string and time.Duration"
		return refuse(fmt.Sprintf("a value of type %T; %s are allowed", value, allowed))
	}
	if strings.IndexByte(key+text, 0) >= 0 {
		return refuse("there is a NUL in it")
	}
	return text, nil
}
