package asyncproducer

// #include <async_producer.h>
import "C"

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Producer hands messages to Kafka in the background. It is made by New, ended by Shutdown and freed by Close; any
// goroutine may call it at any time, also after Close, when the answer is ErrShutDown.
type Producer struct {
	handle    *C.ap_producer_t // a number that the library checks, not an address
	reader    *reader
	noReports bool
	isDown    atomic.Bool // Shutdown has begun
	isClosed  atomic.Bool
	lastStats atomic.Pointer[Stats]
	closeOnce sync.Once
	closeErr  error
}

// patience is how long the end of a producer waits for a handler that is stuck or a channel that is full; a variable
// for the tests.
var patience = time.Second

// New makes a producer. All of the configuration is checked; no connection is made before the first message.
func New(config Config, opts ...Option) (*Producer, error) {
	if err := checkVersion(version(C.ap_version()), C.AP_VERSION_NUMBER); err != nil {
		return nil, err
	}
	var o options
	for _, option := range opts {
		option(&o)
	}
	settings, err := newSettings(config, &o)
	if err != nil {
		return nil, err
	}
	defer settings.free()
	p := &Producer{noReports: o.noReports}
	if p.handle, err = settings.producer(); err != nil {
		return nil, err
	}
	if p.reader, err = newReader(p.handle, &o); err != nil {
		C.ap_free(p.handle)
		return nil, err
	}
	return p, nil
}

// Deliver starts the delivery of everything accepted before the call, and returns at once.
func (p *Producer) Deliver() error {
	return p.outcome(Status(C.ap_deliver(p.handle)))
}

// Clear drops every message that was not handed to Kafka yet, and answers how many; each is reported.
func (p *Producer) Clear() (int, error) {
	count := C.ap_clear(p.handle)
	if count < 0 {
		return 0, p.outcome(Status(count))
	}
	return int(count), nil
}

// Flush delivers, and waits until everything accepted before the call is settled. The error is ErrUndelivered where
// some of it was not delivered, and ErrTimedOut, with the reason of the context, where that ended first; delivery goes
// on then.
func (p *Producer) Flush(ctx context.Context) error {
	lost := p.lost()
	for again := false; ; again = true {
		status := waitFor(ctx, p.flush, p.wake)
		switch {
		case status == ErrTimedOut && ctx.Err() == nil:
			continue // the context of another Flush ended, and woke this one too
		case status == 0 && again && p.lost() > lost:
			status = ErrUndelivered // the last round does not tell what failed in an earlier one
		}
		return p.outcomeIn(ctx, status)
	}
}

// Shutdown takes no more messages, delivers what there is, and waits until everything is settled and reported. Where
// the context ends first, what is left is dropped, and Shutdown returns within two seconds. The error is ErrUndelivered
// where messages were not delivered; each was reported.
//
// A handler that is stuck, or a channel that is full, is waited for a second; what it has not been told comes later.
// Calling it again answers the same, and with an earlier end of its context shortens the first call.
func (p *Producer) Shutdown(ctx context.Context) error {
	p.isDown.Store(true)
	status := waitFor(ctx, p.shutdown, func() { p.shutdown(0) })
	p.reader.catchUp(patience)
	return p.outcomeIn(ctx, status)
}

// Close frees the producer. Without a Shutdown before it, it drops what was not delivered: good for defer and for error
// paths, not for the end of a program that means what it sends. The error is then ErrUndelivered where something was
// dropped.
//
// What could not be told before is told now. A channel that is still full after a second misses its reports, and a
// handler that is stuck is waited for another second; otherwise nothing is told any more when Close has returned.
// Closing again answers the same.
func (p *Producer) Close() error {
	p.closeOnce.Do(func() {
		if !p.isDown.Swap(true) {
			p.closeErr = p.outcome(p.shutdown(0))
		}
		p.isClosed.Store(true)
		p.reader.catchUp(patience)
		p.reader.close(patience)
		stats := p.Stats()
		p.lastStats.Store(&stats)
		C.ap_free(p.handle)
	})
	return p.closeErr
}

func (p *Producer) flush(timeoutMs int64) Status {
	return Status(C.ap_flush(p.handle, C.int64_t(timeoutMs)))
}

func (p *Producer) shutdown(timeoutMs int64) Status {
	return Status(C.ap_shutdown(p.handle, C.int64_t(timeoutMs)))
}

func (p *Producer) wake() { C.ap_wake(p.handle) }

func (p *Producer) lost() uint64 {
	stats := p.Stats()
	return stats.Failed + stats.Dropped
}

// outcome is the error of a status, nil where it is done.
func (p *Producer) outcome(status Status) error {
	if status == 0 {
		return nil
	}
	return p.closedOr(status)
}

// outcomeIn is as outcome, for a call that the end of a context may have cut short.
func (p *Producer) outcomeIn(ctx context.Context, status Status) error {
	if cause := context.Cause(ctx); cause != nil && (status == ErrTimedOut || status == ErrUndelivered) {
		return &Error{Status: status, Text: status.text(), Cause: cause}
	}
	return p.outcome(status)
}

// closedOr says what really is the matter where the library does not know the handle any more.
func (p *Producer) closedOr(status Status) Status {
	if status == ErrInvalidArgument && p.isClosed.Load() {
		return ErrShutDown
	}
	return status
}

// waitFor makes a call that waits, with the time that the context leaves. Where the context is cancelled, the call is
// interrupted, again and again until it returns: what came before its wait began would be lost.
func waitFor(ctx context.Context, call func(timeoutMs int64) Status, interrupt func()) Status {
	returned := make(chan struct{})
	defer close(returned)
	stop := context.AfterFunc(ctx, func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			interrupt()
			select {
			case <-returned:
				return
			case <-ticker.C:
			}
		}
	})
	defer stop()
	return call(timeoutMs(ctx))
}

// timeoutMs is the time the context leaves, -1 where it sets no limit. It is rounded up: the context ends first.
func timeoutMs(ctx context.Context) int64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return -1
	}
	left := time.Until(deadline) + time.Millisecond - 1
	return max(0, left.Milliseconds())
}
