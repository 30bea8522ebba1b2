package asyncproducer

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRecordsAreReadBackWhole(t *testing.T) {
	partition := int32(3)
	messages := []Message{
		{Topic: "t", Timestamp: time.UnixMilli(1)},
		{
			Topic: "greetings", Key: []byte("k\x00ey"), Value: []byte{}, PartitionKey: []byte("pk"), Partition: &partition,
			Headers:   []Header{{"trace", []byte("abc")}, {"", nil}, {"trace", []byte{}}},
			Timestamp: time.UnixMilli(1700000000123), Tag: 42,
		},
		{Topic: "t", Key: []byte{}, Value: nil, Timestamp: time.UnixMilli(2), Tag: maxTag},
	}
	for _, message := range messages {
		record := appendRecord([]byte("before"), &message, message.Tag)[len("before"):]
		if len(record) != message.size() {
			t.Errorf("%d bytes, announced were %d", len(record), message.size())
		}
		if got := readRecord(record); !reflect.DeepEqual(got, message) {
			t.Errorf("got  %+v\nwant %+v", got, message)
		}
	}
}

func TestWhatIsReadHasItsOwnMemory(t *testing.T) {
	record := appendRecord(nil, &Message{Topic: "topic", Key: []byte("key"), Headers: []Header{{"h", []byte("v")}}}, 0)
	message := readRecord(record)
	clear(record)
	if message.Topic != "topic" || string(message.Key) != "key" || message.Headers[0].Name != "h" ||
		string(message.Headers[0].Value) != "v" {
		t.Errorf("%+v", message)
	}
}

func TestFaultsNameTheArgument(t *testing.T) {
	below := int32(-2)
	tests := []struct {
		message Message
		want    string
	}{
		{Message{Topic: "fine"}, ""},
		{Message{Topic: strings.Repeat("x", 249)}, ""},
		{Message{}, `topic "" is not allowed; 1 to 249`},
		{Message{Topic: ".."}, `topic ".."`},
		{Message{Topic: "bad topic"}, `topic "bad topic"`},
		{Message{Topic: strings.Repeat("x", 250)}, `topic "xxx`},
		{Message{Topic: "t", Partition: &below}, "partition -2"},
		{Message{Topic: "t", Timestamp: time.UnixMilli(-1)}, "before 1970"},
		{Message{Topic: "t", Tag: 1 << 63}, "tag 9223372036854775808"},
		{Message{Topic: "t", Headers: []Header{{Name: "a\x00b"}}}, `header name "a\x00b"`},
	}
	for _, test := range tests {
		got := test.message.fault()
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.message, got, test.want)
		}
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	withBuffer(2*maxPooled, func([]byte) {})
	for range 100 {
		withBuffer(0, func(buf []byte) {
			if cap(buf) > maxPooled {
				t.Fatalf("a buffer of %d bytes was kept", cap(buf))
			}
		})
	}
}
