package asyncproducer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	ap "asyncproducer"
)

// events keeps the first event of each type.
type events map[ap.EventType]chan ap.Event

func newEvents() events {
	e := make(events)
	for kind := ap.EventEnqueued; kind <= ap.EventStats; kind <<= 1 {
		e[kind] = make(chan ap.Event, 1)
	}
	return e
}

// keep is a handler that never waits.
func (e events) keep(event ap.Event) {
	select {
	case e[event.Type] <- event:
	default:
	}
}

func TestEventsOfADelivery(t *testing.T) {
	events := newEvents()
	producer := mock(t, nil, ap.OnEvents(ap.EventAll&^ap.EventLog, events.keep))
	before := time.Now().Add(-time.Second)
	produce(t, producer, ap.Message{Topic: "orders", Tag: 9, OnReport: func(ap.Report) {}})
	shutDown(t, producer)
	enqueued := receive(t, events[ap.EventEnqueued])
	if enqueued.Topic != "orders" || enqueued.Tag != 9 || enqueued.Time.Before(before) {
		t.Errorf("%+v", enqueued)
	}
	if started := receive(t, events[ap.EventDeliveryStarted]); started.Count != 1 {
		t.Errorf("%+v", started)
	}
	delivered := receive(t, events[ap.EventDelivered])
	if delivered.Tag != 9 || delivered.Topic != "orders" || delivered.Offset != 0 || delivered.Partition < 0 ||
		delivered.Persistence != ap.PersistenceYes || delivered.Duration <= 0 || delivered.Message != nil {
		t.Errorf("%+v", delivered)
	}
	finished := receive(t, events[ap.EventDeliveryFinished])
	if finished.Count != 1 || finished.Status != 0 || finished.Attempt != 1 {
		t.Errorf("%+v", finished)
	}
}

func TestEventsOfAnOutage(t *testing.T) {
	events := newEvents()
	config := ap.Config{"max_queue_size": 1, "max_buffer_size": 1, "delivery_threshold": 1, "stall_report_interval": 0.1}
	types := ap.EventStalled | ap.EventError | ap.EventLog | ap.EventBufferOverflow
	producer := dead(t, config, ap.OnEvents(types, events.keep))
	for producer.Produce(ap.Message{Topic: "full", Tag: 3}) == nil {
	}
	e := receive(t, events[ap.EventBufferOverflow])
	if e.Topic != "full" || e.Tag != 3 || e.Status != ap.ErrBufferOverflow {
		t.Errorf("%+v", e)
	}
	if e := receive(t, events[ap.EventStalled]); e.Text == "" {
		t.Errorf("%+v", e)
	}
	if e := receive(t, events[ap.EventError]); e.Text == "" || e.KafkaError == 0 {
		t.Errorf("%+v", e)
	}
	if e := receive(t, events[ap.EventLog]); e.Text == "" || e.Level < 1 || e.Level > 7 || e.Status != 0 {
		t.Errorf("%+v", e)
	}
}

func TestStatisticsAreJSON(t *testing.T) {
	events := newEvents()
	producer := mock(t, ap.Config{"statistics.interval.ms": 50}, ap.OnEvents(ap.EventStats, events.keep))
	produce(t, producer, ap.Message{Topic: "t"})
	if err := producer.Deliver(); err != nil { // there is no client to have statistics of before
		t.Fatal(err)
	}
	var statistics struct{ Type string }
	e := receive(t, events[ap.EventStats])
	if err := json.Unmarshal(e.JSON, &statistics); err != nil || statistics.Type != "producer" {
		t.Errorf("%v: %s", err, e.JSON)
	}
}

func TestOnlyWantedEventsAreTold(t *testing.T) {
	var types list[ap.EventType]
	producer := mock(t, nil, ap.OnEvents(ap.EventEnqueued, func(e ap.Event) { types.add(e.Type) }))
	reports := make(chan ap.Report, 1)
	produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	shutDown(t, producer)
	if report := receive(t, reports); report.Err != nil {
		t.Error(report.Err)
	}
	if got := types.all(); len(got) != 1 || got[0] != ap.EventEnqueued {
		t.Errorf("%v", got)
	}
}

func TestNamesOfEvents(t *testing.T) {
	for want, got := range map[string]string{
		"DELIVERED":    ap.EventDelivered.String(),
		"FAILED|STATS": (ap.EventStats | ap.EventFailed).String(),
		"1<<31":        ap.EventType(1 << 31).String(),
		"":             ap.EventType(0).String(),
		"possibly":     ap.PersistencePossibly.String(),
		"FAILED orders partition 3: no leader": ap.Event{
			Type: ap.EventFailed, Topic: "orders", Partition: 3, Offset: -1, Count: 1, Text: "no leader",
		}.String(),
		"RETRY orders (12)": ap.Event{
			Type: ap.EventRetry, Topic: "orders", Partition: -1, Offset: -1, Count: 12,
		}.String(),
		"DELIVERED partition 0 offset 9": ap.Event{Type: ap.EventDelivered, Offset: 9}.String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if n := strings.Count(ap.EventAll.String(), "|"); n != 11 || strings.Contains(ap.EventAll.String(), "<<") {
		t.Errorf("EventAll is %v", ap.EventAll)
	}
}
