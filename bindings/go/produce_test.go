package asyncproducer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	ap "asyncproducer"
)

// handedBack produces messages that cannot be delivered and answers what the library had of them.
func handedBack(t *testing.T, send func(*ap.Producer, []ap.Message), messages ...ap.Message) []ap.Message {
	t.Helper()
	var dropped list[ap.Message]
	producer := dead(t, ap.Config{"message.max.bytes": 10_000_000},
		ap.OnEvents(ap.EventDropped, func(e ap.Event) { dropped.add(*e.Message) }))
	send(producer, messages)
	if err := drop(t, producer); !errors.Is(err, ap.ErrUndelivered) {
		t.Fatalf("Shutdown: %v", err)
	}
	got := dropped.all()
	if len(got) != len(messages) {
		t.Fatalf("%d of %d messages came back", len(got), len(messages))
	}
	return got
}

func oneByOne(t *testing.T) func(*ap.Producer, []ap.Message) {
	return func(producer *ap.Producer, messages []ap.Message) { produce(t, producer, messages...) }
}

func inABatch(t *testing.T) func(*ap.Producer, []ap.Message) {
	return func(producer *ap.Producer, messages []ap.Message) {
		if n, err := producer.ProduceBatch(messages); n != len(messages) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
}

func TestS3NullAndEmptyAreKeptApart(t *testing.T) {
	null, empty := []byte(nil), []byte{}
	sliced := []byte("text")[4:] // empty, with a pointer past the end
	var messages []ap.Message
	for _, key := range [][]byte{null, empty, sliced} {
		for _, value := range [][]byte{null, empty, sliced} {
			messages = append(messages, ap.Message{Topic: "t", Key: key, Value: value})
			messages = append(messages, ap.Message{
				Topic: "t", Key: key, Value: value, PartitionKey: value, // the packed form
				Headers: []ap.Header{{Name: "h", Value: key}, {Name: "", Value: value}},
			})
		}
	}
	for name, send := range map[string]func(*ap.Producer, []ap.Message){
		"Produce": oneByOne(t), "ProduceBatch": inABatch(t),
	} {
		for i, got := range handedBack(t, send, messages...) {
			want := messages[i]
			sameNull := func(what string, got, want []byte) {
				if (got == nil) != (want == nil) || len(got) != 0 {
					t.Errorf("%s %d: the %s is %#v, not %#v", name, i, what, got, want)
				}
			}
			sameNull("key", got.Key, want.Key)
			sameNull("value", got.Value, want.Value)
			sameNull("partition key", got.PartitionKey, want.PartitionKey)
			for j := range want.Headers {
				sameNull("header", got.Headers[j].Value, want.Headers[j].Value)
			}
		}
	}
}

func TestS4BinaryPayloadsAndBuffersUsedAgain(t *testing.T) {
	large := bytes.Repeat([]byte{0, 1, 2, 0xFF}, 1<<18) // 1 MiB
	pool := make([]byte, 1<<20+3)
	payloads := [][]byte{{}, {0}, []byte("a\x00b\x00"), large}
	for _, send := range []func(*ap.Producer, []ap.Message){
		func(producer *ap.Producer, messages []ap.Message) {
			for _, message := range messages {
				unaligned := pool[3 : 3+copy(pool[3:], message.Value)]
				message.Value = unaligned
				produce(t, producer, message)
				clear(unaligned) // the buffer is the caller's again
			}
		},
		func(producer *ap.Producer, messages []ap.Message) {
			for _, message := range messages {
				message.Value = bytes.Clone(message.Value)
				inABatch(t)(producer, []ap.Message{message})
				clear(message.Value)
			}
		},
	} {
		var messages []ap.Message
		for _, payload := range payloads {
			messages = append(messages, ap.Message{Topic: "t", Key: []byte("\x00"), Value: payload})
		}
		for i, got := range handedBack(t, send, messages...) {
			if !bytes.Equal(got.Value, payloads[i]) || string(got.Key) != "\x00" {
				t.Errorf("payload %d of %d bytes came back as %d bytes", i, len(payloads[i]), len(got.Value))
			}
		}
	}
}

func TestEverythingOfAMessageArrives(t *testing.T) {
	partition := int32(2)
	want := ap.Message{
		Topic: "t", Key: []byte("k"), Value: []byte("v"), PartitionKey: []byte("pk"), Partition: &partition, Tag: 7,
		Headers:   []ap.Header{{Name: "a", Value: []byte("1")}, {Name: "a", Value: []byte("2")}},
		Timestamp: time.UnixMilli(1700000000123),
	}
	for _, send := range []func(*ap.Producer, []ap.Message){oneByOne(t), inABatch(t)} {
		if got := handedBack(t, send, want)[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestTheZeroTimeIsTheTimeOfTheCall(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	got := handedBack(t, oneByOne(t), ap.Message{Topic: "t"})[0]
	if got.Timestamp.Before(before) || got.Timestamp.After(time.Now()) {
		t.Errorf("%v is not after %v and before now", got.Timestamp, before)
	}
}

// A slice may lie anywhere, also in a struct with pointers, which cgo's check must not mind.
func TestBytesInsideAStructWithPointers(t *testing.T) {
	type holder struct {
		text *string
		data [8]byte
	}
	text := "text"
	h := &holder{text: &text, data: [8]byte{'v'}}
	messages := []ap.Message{
		{Topic: "t", Key: h.data[1:1], Value: h.data[:1]},
		{Topic: "t", Value: h.data[:1], Headers: []ap.Header{{Name: "h", Value: h.data[:]}}},
	}
	for i, got := range handedBack(t, oneByOne(t), messages...) {
		if string(got.Value) != "v" {
			t.Errorf("message %d: %q", i, got.Value)
		}
	}
}

func TestS5TheQueueIsFullAndRecovers(t *testing.T) {
	reports := make(chan ap.Report, 100)
	producer := mock(t, ap.Config{"max_queue_size": 10, "max_buffer_size": 10})
	accepted := 0
	var err error
	for ; err == nil; accepted++ {
		err = producer.Produce(ap.Message{Topic: "t", Reports: reports})
	}
	accepted--
	if err != ap.ErrBufferOverflow || accepted < 10 {
		t.Fatalf("%d accepted, then %v", accepted, err)
	}
	if got := producer.Stats().Overflowed; got != 1 {
		t.Errorf("Overflowed = %d", got)
	}
	if err := producer.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	for range accepted {
		if report := receive(t, reports); report.Err != nil {
			t.Fatal(report.Err)
		}
	}
	produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	shutDown(t, producer)
	if report := receive(t, reports); report.Err != nil {
		t.Error(report.Err)
	}
}

// Messages that are handed back fill every place: once they are reported, all are free.
func TestThePlacesOfFailedMessagesAreFreeOnceReported(t *testing.T) {
	nowhere := int32(4711)
	reports := make(chan ap.Report, 100)
	held, release := make(chan bool), make(chan bool)
	producer := mock(t, ap.Config{"max_queue_size": 1, "max_buffer_size": 1, "delivery_threshold": 1})
	produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) {
		close(held)
		<-release // until the others have failed, so that they are read in one go
	}})
	receive(t, held)
	failing := 0
	for failing < 2 || producer.Stats().UnreadEvents < 2 { // as many as there are places
		if producer.Produce(ap.Message{Topic: "t", Partition: &nowhere, Reports: reports}) == nil {
			failing++
		}
	}
	close(release)
	for range failing {
		if report := receive(t, reports); report.Err == nil {
			t.Fatal("delivered to a partition that does not exist")
		}
	}
	deadline := time.Now().Add(limit)
	for range 2 {
		for producer.Produce(ap.Message{Topic: "t", Partition: &nowhere}) != nil {
			if time.Now().After(deadline) {
				t.Fatalf("there is no room: %+v", producer.Stats())
			}
		}
	}
}

func TestS6ABatchIsTakenFromTheFront(t *testing.T) {
	var dropped list[string]
	producer := dead(t, ap.Config{"max_queue_size": 10, "max_buffer_size": 5},
		ap.OnEvents(ap.EventDropped, func(e ap.Event) { dropped.add(string(e.Message.Value)) }))
	messages := make([]ap.Message, 100)
	for i := range messages {
		messages[i] = ap.Message{Topic: "t", Value: fmt.Append(nil, i)}
	}
	n, err := producer.ProduceBatch(messages)
	if err != ap.ErrBufferOverflow || n < 10 || n > 15 {
		t.Fatalf("%d, %v", n, err)
	}
	drop(t, producer)
	for i, value := range dropped.all() {
		if value != fmt.Sprint(i) {
			t.Errorf("message %d came back as %q", i, value)
		}
	}
	if got := len(dropped.all()); got != n {
		t.Errorf("%d of %d came back", got, n)
	}
}

func TestS6ABatchWithOneWrongMessageIsRefusedWhole(t *testing.T) {
	below := int32(-2)
	for text, wrong := range map[string]ap.Message{
		"messages[1]: topic":       {Topic: "bad topic"},
		"messages[1]: partition":   {Topic: "t", Partition: &below},
		"messages[1]: tag":         {Topic: "t", Tag: 1 << 63},
		"messages[1]: the header":  {Topic: "t", Headers: []ap.Header{{Name: "\x00"}}},
		"AP_ERR_MESSAGE_TOO_LARGE": {Topic: "t", Value: make([]byte, 2_000_000)},
	} {
		reports := make(chan ap.Report, 3)
		wrong.Reports = reports
		good := ap.Message{Topic: "t", Reports: reports}
		producer := dead(t, nil)
		n, err := producer.ProduceBatch([]ap.Message{good, wrong, good})
		if n != 0 || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
		if err := drop(t, producer); err != nil || len(reports) != 0 || producer.Stats().Accepted != 0 {
			t.Errorf("%q: %v, %d reports, %+v", text, err, len(reports), producer.Stats())
		}
	}
}

func TestAnEmptyBatch(t *testing.T) {
	if n, err := dead(t, nil).ProduceBatch(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRefusedMessages(t *testing.T) {
	below := int32(-2)
	called := func(ap.Report) { t.Error("a refused message was reported") }
	for _, test := range []struct {
		message ap.Message
		status  ap.Status
		text    string
	}{
		{ap.Message{}, ap.ErrInvalidArgument, `topic ""`},
		{ap.Message{Topic: "bad topic"}, ap.ErrInvalidArgument, `topic "bad topic"`},
		{ap.Message{Topic: "bad\x00topic"}, ap.ErrInvalidArgument, `topic "bad\x00topic"`},
		{ap.Message{Topic: strings.Repeat("x", 10_000)}, ap.ErrInvalidArgument, `topic "xxx`},
		{ap.Message{Topic: "a\x00b", Headers: []ap.Header{{}}}, ap.ErrInvalidArgument, `topic "a\x00b"`},
		{ap.Message{Topic: "t", Partition: &below}, ap.ErrInvalidArgument, "partition -2"},
		{ap.Message{Topic: "t", Tag: 1 << 63}, ap.ErrInvalidArgument, "tag 9223372036854775808"},
		{ap.Message{Topic: "t", Timestamp: time.Unix(-1, 0)}, ap.ErrInvalidArgument, "before 1970"},
		{ap.Message{Topic: "big", Value: make([]byte, 2_000_000)}, ap.ErrMessageTooLarge, `topic "big"`},
	} {
		producer := dead(t, nil)
		test.message.OnReport = called
		err := producer.Produce(test.message)
		if !errors.Is(err, test.status) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%q: %v", test.text, err)
		}
		producer.Close()
	}
}

// Pages that are never touched: only their number is looked at.
func TestTwoGibibytesAreRefused(t *testing.T) {
	const none = syscall.MAP_ANON | syscall.MAP_PRIVATE | syscall.MAP_NORESERVE
	huge, err := syscall.Mmap(-1, 0, 1<<31, syscall.PROT_READ, none)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(huge)
	producer := dead(t, nil)
	for _, message := range []ap.Message{
		{Topic: "t", Value: huge},
		{Topic: "t", Key: huge, Headers: []ap.Header{{Name: "h"}}},
		{Topic: "t", Key: huge[:1<<30], Value: huge[:1<<30]},
	} {
		err := producer.Produce(message)
		if !errors.Is(err, ap.ErrInvalidArgument) || !strings.Contains(err.Error(), "2 GiB") {
			t.Error(err)
		}
		if _, err := producer.ProduceBatch([]ap.Message{message}); !errors.Is(err, ap.ErrInvalidArgument) {
			t.Error(err)
		}
	}
}

func TestProduceAllocatesNothing(t *testing.T) {
	producer := dead(t, ap.Config{"max_queue_size": 100_000})
	message := ap.Message{Topic: "t", Key: []byte("k"), Value: []byte("v")}
	if got := testing.AllocsPerRun(1000, func() { produce(t, producer, message) }); got != 0 && !raceEnabled {
		t.Errorf("%v allocations", got)
	}
	full := dead(t, ap.Config{"max_queue_size": 1, "max_buffer_size": 1})
	for full.Produce(message) == nil {
	}
	if got := testing.AllocsPerRun(1000, func() { full.Produce(message) }); got != 0 && !raceEnabled {
		t.Errorf("%v allocations for an overflow", got)
	}
}

func TestTheThresholdDelivers(t *testing.T) {
	reports := make(chan ap.Report, 5)
	producer := mock(t, ap.Config{"delivery_threshold": 5})
	for range 5 {
		produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	}
	for range 5 {
		if report := receive(t, reports); report.Err != nil {
			t.Error(report.Err)
		}
	}
}

func TestDeliverAndClear(t *testing.T) {
	reports := make(chan ap.Report, 3)
	producer := mock(t, nil)
	for range 3 {
		produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	}
	if n, err := producer.Clear(); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for range 3 {
		var failure *ap.DeliveryError
		if report := receive(t, reports); !errors.As(report.Err, &failure) || failure.Type != ap.EventDropped {
			t.Error(report.Err)
		}
	}
	produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	if err := producer.Deliver(); err != nil {
		t.Fatal(err)
	}
	if report := receive(t, reports); report.Err != nil {
		t.Error(report.Err)
	}
	if err := producer.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
