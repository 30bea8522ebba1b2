package asyncproducer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ap "asyncproducer"
)

func TestConfigErrorsNameTheProperty(t *testing.T) {
	tests := []struct {
		config ap.Config
		status ap.Status
		text   string
	}{
		{ap.Config{}, ap.ErrConfig, "bootstrap.servers"},
		{ap.Config{"no.such.property": 1}, ap.ErrConfig, "no.such.property"},
		{ap.Config{"max_queue_size": 0}, ap.ErrConfig, "max_queue_size"},
		{ap.Config{"max_queue_size": struct{}{}}, ap.ErrConfig, "max_queue_size\": a value of type struct {}"},
		{ap.Config{"max_queue_size": nil}, ap.ErrConfig, "max_queue_size\": a value of type <nil>"},
		{ap.Config{"max_queue_size": time.Second}, ap.ErrConfig, "max_queue_size\": a time.Duration is for"},
		{ap.Config{"linger.ms": time.Microsecond}, ap.ErrConfig, "linger.ms\": 1µs is not a whole number of milliseconds"},
		{ap.Config{"client.id": "a\x00b"}, ap.ErrConfig, "client.id\": there is a NUL"},
		{ap.Config{"client.id\x00": "a"}, ap.ErrConfig, "client.id\\x00\": there is a NUL"},
		{ap.Config{"event_mode": "callback"}, ap.ErrConfig, "event_mode"},
		{ap.Config{"transactional.id": "t"}, ap.ErrUnsupported, "transactional.id"},
		{ap.Config{"b": 1, "a": 1, "c": 1}, ap.ErrConfig, "a"},
	}
	for _, test := range tests {
		producer, err := ap.New(test.config)
		if producer != nil || !errors.Is(err, test.status) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%v: %v", test.config, err)
		}
		var typed *ap.Error
		if !errors.As(err, &typed) || typed.Status != test.status || typed.Text == "" {
			t.Errorf("%v: %#v", test.config, err)
		}
	}
}

func TestConfigValuesOfEveryType(t *testing.T) {
	mock(t, ap.Config{
		"client.id":             "text",
		"enable.idempotence":    true,
		"max_queue_size":        uint16(7),
		"max_buffer_size":       int64(8),
		"max_retries":           -1,
		"delivery_interval":     0.25,
		"retry_backoff":         float32(0.5),
		"overflow_wait":         1500 * time.Millisecond,
		"socket.timeout.ms":     10 * time.Second,
		"debug":                 []string{"msg", "broker"},
		"stall_report_interval": "3",
	})
}

func TestConfigValuesArrive(t *testing.T) {
	stats := mock(t, ap.Config{"max_queue_size": 7, "max_buffer_size": int64(8), "max_pending_bytes": "9000"}).Stats()
	if stats.MaxQueueSize != 7 || stats.MaxBufferSize != 8 || stats.MaxPendingBytes != 9000 {
		t.Errorf("%+v", stats)
	}
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kafka.properties")
	text := "# a comment\ntest.mock.num.brokers = 1\nmax_queue_size=5\nmax_buffer_size=6\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	producer, err := ap.New(ap.Config{"max_queue_size": 9}, ap.ConfigFile(path))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if stats := producer.Stats(); stats.MaxQueueSize != 9 || stats.MaxBufferSize != 6 {
		t.Errorf("%+v", stats)
	}
	for _, wrong := range []string{filepath.Join(t.TempDir(), "absent"), "a\x00b"} {
		_, err := ap.New(nil, ap.ConfigFile(wrong))
		if !errors.Is(err, ap.ErrConfig) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestUnknownEventTypesAreRefused(t *testing.T) {
	_, err := ap.New(ap.Config{"test.mock.num.brokers": 1}, ap.OnEvents(1<<20, func(ap.Event) {}))
	if !errors.Is(err, ap.ErrInvalidArgument) || !strings.Contains(err.Error(), "OnEvents") {
		t.Error(err)
	}
}

func TestStatusTexts(t *testing.T) {
	var err error = ap.ErrBufferOverflow
	if got := ap.ErrBufferOverflow.Name(); got != "AP_ERR_BUFFER_OVERFLOW" {
		t.Errorf("Name() = %q", got)
	}
	if got := ap.Status(0).Name(); got != "AP_OK" {
		t.Errorf("Name() = %q", got)
	}
	if !strings.HasPrefix(err.Error(), "AP_ERR_BUFFER_OVERFLOW: ") {
		t.Errorf("Error() = %q", err)
	}
	var status ap.Status
	if !errors.As(&ap.Error{Status: ap.ErrConfig, Text: "x"}, &status) || status != ap.ErrConfig {
		t.Errorf("errors.As gave %v", status)
	}
}
