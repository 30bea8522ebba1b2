package asyncproducer

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// A message of which the library told nothing until it was freed, as where its worker hangs.
func TestAMessageWithoutAnEndIsReportedByClose(t *testing.T) {
	producer, err := New(Config{"test.mock.num.brokers": 1})
	if err != nil {
		t.Fatal(err)
	}
	reports := make(chan Report, 2)
	id := producer.reader.waiters.add(&Message{Topic: "t", Tag: 7, Reports: reports})
	if err := producer.Close(); err != nil {
		t.Fatal(err)
	}
	report := <-reports
	var failure *DeliveryError
	if !errors.As(report.Err, &failure) || failure.Persistence != PersistencePossibly || report.Tag != 7 ||
		report.Topic != "t" || failure.Message.Tag != 7 || !errors.Is(report.Err, ErrUndelivered) {
		t.Errorf("%+v", report)
	}
	if producer.reader.waiters.withdraw(id) {
		t.Error("its Produce would answer an error, though its end was told")
	}
	if taken := producer.withdraw([]uint64{id, id, 1}, 0); taken != 2 {
		t.Errorf("its ProduceBatch would answer %d", taken)
	}
}

// Told to catch up, the reader goes on waiting for the bell instead of turning round and round.
func TestTheReaderSleepsAgainAfterCatchingUp(t *testing.T) {
	bell, rope, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{bell: bell}
	if err := bell.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if !r.wait() {
		t.Fatal("over, where it was told to catch up")
	}
	go rope.Write([]byte{1})
	if !r.wait() {
		t.Fatal("over, where the bell rang")
	}
	rope.Close()
	if left, err := io.ReadAll(bell); err != nil || len(left) != 0 {
		t.Errorf("it did not wait for the bell: %v, %v", left, err)
	}
	if r.wait() {
		t.Error("not over, where the bell is closed")
	}
}

func TestNothingIsToldTwice(t *testing.T) {
	var w waiters
	id := w.add(&Message{Tag: 1})
	if _, ok := w.find(id, false); !ok {
		t.Error("not found")
	}
	if found, ok := w.find(id, true); !ok || found.tag != 1 {
		t.Errorf("%+v", found)
	}
	if _, ok := w.find(id, true); ok {
		t.Error("found again")
	}
	if _, ok := w.takeAny(); ok {
		t.Error("still there")
	}
}
