// Command franz-go is a peer of the benchmarks: franz-go's producer, with the options and the output of peer.h.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type peer struct {
	options
	client       *kgo.Client
	payloads     [][]byte
	acknowledged atomic.Int64
	lock         sync.Mutex
	acks         []int64 // nanoseconds from the call to the acknowledgement
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "none":
		return kgo.NoCompression()
	case "lz4":
		return kgo.Lz4Compression()
	}
	fail("a compression that is not known")
	return kgo.NoCompression()
}

func newClient(o options) *kgo.Client {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.bootstrap),
		kgo.DefaultProduceTopic(o.topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent is the default
		kgo.ProducerLinger(time.Duration(o.linger)*time.Millisecond),
		kgo.ProducerBatchCompression(codec(o.compression)),
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.MaxBufferedRecords(int(o.queue)),
	)
	if err != nil {
		fail(err.Error())
	}
	return client
}

func (p *peer) produce(value []byte, stamp time.Time) {
	record := &kgo.Record{Value: value}
	p.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
		if err != nil {
			fail(err.Error())
		}
		if p.latency {
			p.lock.Lock()
			p.acks = append(p.acks, time.Since(stamp).Nanoseconds())
			p.lock.Unlock()
		}
		p.acknowledged.Add(1)
	})
}

// run produces and answers what each call took, in nanoseconds, where that is asked for.
func (p *peer) run(count int64, rate float64, timed bool) sample {
	var s sample
	if timed {
		s.calls = make([]int64, count)[:0]
	}
	begin := time.Now()
	for number := int64(0); number < count; number++ {
		if rate > 0 {
			due := begin.Add(time.Duration(float64(number) / rate * 1e9))
			if rest := time.Until(due); rest > 0 {
				time.Sleep(rest)
			}
		}
		var stamp time.Time
		if timed || p.latency {
			stamp = time.Now()
		}
		p.produce(p.payloads[number%int64(len(p.payloads))], stamp)
		if timed {
			s.calls = append(s.calls, time.Since(stamp).Nanoseconds())
		}
	}
	s.wall = time.Since(begin)
	return s
}

func (p *peer) await(count int64) {
	if err := p.client.Flush(context.Background()); err != nil {
		fail(err.Error())
	}
	for p.acknowledged.Load() < count {
		time.Sleep(200 * time.Microsecond)
	}
}

func main() {
	o := readOptions()
	p := &peer{options: o, client: newClient(o), payloads: o.payloads()}
	if o.latency {
		p.acks = make([]int64, o.messages+2000)[:0]
	}
	warm := o.messages / 10
	if o.wait {
		warm = min(warm, 1000)
	}
	p.run(warm, 0, false)
	if o.wait {
		p.await(warm)
		p.acks = p.acks[:0]
	}
	share := o.messages / o.threads
	samples := make([]sample, o.threads)
	var group sync.WaitGroup
	used := begin()
	for i := range samples {
		group.Go(func() { samples[i] = p.run(share, float64(o.rate)/float64(o.threads), o.calls) })
	}
	group.Wait()
	if o.wait {
		p.await(warm + share*o.threads)
	}
	fmt.Println(report("franz-go", moduleVersion("github.com/twmb/franz-go"), share*o.threads, used, samples, p.acks))
	os.Exit(0) // what is queued is not waited for
}
