package asyncproducer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	ap "asyncproducer"
)

func TestS2EveryTagComesBackOnce(t *testing.T) {
	const count = 10_000
	reports := make(chan ap.Report, count)
	producer := mock(t, ap.Config{"delivery_threshold": 100, "delivery_interval": 0.1, "overflow_wait": limit})
	for tag := range uint64(count) {
		produce(t, producer, ap.Message{Topic: "t", Tag: tag, Reports: reports})
	}
	shutDown(t, producer)
	seen := make(map[uint64]bool)
	for range count {
		report := receive(t, reports)
		if report.Err != nil || seen[report.Tag] {
			t.Fatalf("%+v", report)
		}
		seen[report.Tag] = true
	}
	producer.Close()
	if len(seen) != count || len(reports) != 0 {
		t.Errorf("%d tags, %d reports more", len(seen), len(reports))
	}
}

func TestAReportSaysWhereTheMessageIs(t *testing.T) {
	reports := make(chan ap.Report, 2)
	partition := int32(1)
	producer := mock(t, nil)
	at := time.UnixMilli(1700000000123)
	for range 2 {
		produce(t, producer, ap.Message{Topic: "here", Partition: &partition, Timestamp: at, Tag: 7, Reports: reports})
	}
	shutDown(t, producer)
	for offset := range int64(2) {
		got := receive(t, reports)
		if got.Err != nil || got.Topic != "here" || got.Partition != 1 || got.Offset != offset || got.Tag != 7 ||
			!got.Timestamp.Equal(at) || got.Attempts != 1 || got.Duration <= 0 {
			t.Errorf("%+v", got)
		}
	}
}

func TestCallbackAndChannelAreBothTold(t *testing.T) {
	reports := make(chan ap.Report, 2)
	producer := mock(t, nil)
	produce(t, producer, ap.Message{Topic: "t", Reports: reports, OnReport: func(r ap.Report) { reports <- r }})
	shutDown(t, producer)
	if a, b := receive(t, reports), receive(t, reports); a != b || a.Err != nil {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestAFailedMessageComesBackWhole(t *testing.T) {
	nowhere := int32(4711)
	reports := make(chan ap.Report, 2)
	producer := mock(t, nil)
	message := ap.Message{
		Topic: "t", Key: []byte("k"), Value: []byte{}, Partition: &nowhere, Tag: 5, Reports: reports,
		Headers: []ap.Header{{Name: "h", Value: []byte("1")}},
	}
	produce(t, producer, message)
	if err := producer.Flush(within(t)); !errors.Is(err, ap.ErrUndelivered) {
		t.Errorf("Flush: %v", err)
	}
	report := receive(t, reports)
	var failure *ap.DeliveryError
	if !errors.As(report.Err, &failure) {
		t.Fatalf("%+v", report)
	}
	const unknownPartition = -190 // librdkafka's RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
	if failure.Type != ap.EventFailed || failure.Persistence != ap.PersistenceNo || failure.Text == "" ||
		failure.KafkaError != unknownPartition || !errors.Is(report.Err, failure.Status) || failure.Status == 0 {
		t.Errorf("%#v", failure)
	}
	if report.Topic != "t" || report.Offset != -1 || report.Tag != 5 {
		t.Errorf("%+v", report)
	}
	got := failure.Message
	if got.Topic != "t" || string(got.Key) != "k" || got.Value == nil || *got.Partition != nowhere || got.Tag != 5 ||
		len(got.Headers) != 1 {
		t.Errorf("%+v", got)
	}

	got.Partition = nil // and is produced again as it is, but for what was wrong
	produce(t, producer, got)
	if err := producer.Flush(within(t)); err != nil {
		t.Error(err)
	}
	if again := receive(t, reports); again.Err != nil || again.Tag != 5 {
		t.Errorf("%+v", again)
	}
}

func TestTagsOfMessagesNobodyAwaits(t *testing.T) {
	var tags list[uint64]
	producer := mock(t, nil, ap.OnEvents(ap.EventDelivered, func(e ap.Event) { tags.add(e.Tag) }))
	partition := int32(0) // one partition: reported in order
	want := []uint64{0, 1, 1<<63 - 1}
	for _, tag := range want {
		produce(t, producer, ap.Message{Topic: "t", Tag: tag, Partition: &partition})
	}
	shutDown(t, producer)
	if got := tags.all(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
}

func TestABatchIsReportedMessageByMessage(t *testing.T) {
	var tags list[uint64]
	producer := mock(t, nil)
	partition := int32(0)
	messages := make([]ap.Message, 500)
	for i := range messages {
		messages[i] = ap.Message{Topic: "t", Tag: uint64(i), Partition: &partition}
		if i%2 == 1 {
			messages[i].OnReport = func(r ap.Report) { tags.add(r.Tag) }
		}
	}
	if n, err := producer.ProduceBatch(messages); n != 500 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	shutDown(t, producer)
	got := tags.all()
	if len(got) != 250 {
		t.Fatalf("%d reports", len(got))
	}
	for i, tag := range got {
		if tag != uint64(2*i+1) {
			t.Fatalf("report %d is of %d", i, tag)
		}
	}
}

func TestNoReports(t *testing.T) {
	var events list[ap.Event]
	producer := mock(t, nil, ap.NoReports(), ap.OnEvents(ap.EventDeliveryFinished, events.add))
	awaited := ap.Message{Topic: "t", OnReport: func(ap.Report) { t.Error("reported") }}
	if err := producer.Produce(awaited); !errors.Is(err, ap.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := producer.ProduceBatch([]ap.Message{awaited}); !errors.Is(err, ap.ErrUnsupported) {
		t.Error(err)
	}
	produce(t, producer, ap.Message{Topic: "t"})
	shutDown(t, producer)
	if got := producer.Stats().Delivered; got != 1 || len(events.all()) != 1 {
		t.Errorf("%d delivered, %v", got, events.all())
	}
}

func TestNothingIsKeptOfSettledMessages(t *testing.T) {
	producer := mock(t, ap.Config{"overflow_wait": limit, "delivery_threshold": 100, "delivery_interval": 0.05})
	freed := make(chan bool, 1)
	func() {
		owner := new([1 << 20]byte)
		runtime.AddCleanup(owner, func(freed chan bool) { freed <- true }, freed)
		produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) { owner[0] = 1 }})
	}()
	if err := producer.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(limit); len(freed) == 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the callback of a settled message is still held")
		}
	}
}
