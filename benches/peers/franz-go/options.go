package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// options are key=value words, as in peer.h.
type options struct {
	bootstrap, topic, payload, compression       string
	messages, size, threads, rate, linger, queue int64
	calls, latency, wait                         bool
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, "peer:", what)
	os.Exit(1)
}

func readOptions() options {
	o := options{bootstrap: "127.0.0.1:9092", topic: "bench", compression: "none", messages: 100_000, size: 100,
		threads: 1, linger: 5, queue: 100_000, wait: true}
	texts := map[string]*string{"bootstrap": &o.bootstrap, "topic": &o.topic, "payload": &o.payload,
		"compression": &o.compression}
	numbers := map[string]*int64{"messages": &o.messages, "size": &o.size, "threads": &o.threads, "rate": &o.rate,
		"linger": &o.linger, "queue": &o.queue}
	flags := map[string]*bool{"calls": &o.calls, "latency": &o.latency, "wait": &o.wait}
	for _, word := range os.Args[1:] {
		key, value, _ := strings.Cut(word, "=")
		if text := texts[key]; text != nil {
			*text = value
			continue
		}
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			fail("not a number: " + word)
		}
		if numbers[key] != nil {
			*numbers[key] = number
		} else if flags[key] != nil {
			*flags[key] = number != 0
		} else {
			fail("an option is not known: " + word)
		}
	}
	return o
}

// payloads answers the lines of the payload file, each of size bytes.
func (o options) payloads() [][]byte {
	if o.payload == "" {
		return [][]byte{bytes.Repeat([]byte("x"), int(o.size))}
	}
	file, err := os.ReadFile(o.payload)
	if err != nil {
		fail(err.Error())
	}
	lines := make([][]byte, len(file)/int(o.size+1))
	for i := range lines {
		begin := i * int(o.size+1)
		lines[i] = file[begin : begin+int(o.size)]
	}
	return lines
}
