package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is what one producing goroutine measured.
type sample struct {
	calls []int64
	wall  time.Duration
}

// usage is the process at the beginning.
type usage struct {
	began  time.Time
	cpu    float64
	memory int64
}

func begin() usage {
	return usage{memory: memory("VmRSS:"), cpu: cpu(), began: time.Now()}
}

func cpu() float64 {
	var now syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &now); err != nil {
		fail(err.Error())
	}
	return time.Duration(now.Utime.Nano() + now.Stime.Nano()).Seconds()
}

// memory is a line of /proc/self/status in KiB.
func memory(name string) int64 {
	status, _ := os.ReadFile("/proc/self/status")
	var kib int64
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, name); found {
			fmt.Sscan(rest, &kib)
		}
	}
	return kib
}

func moduleVersion(path string) string {
	if info, found := debug.ReadBuildInfo(); found {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "unknown"
}

type times struct {
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p999"`
	Max  int64   `json:"max"`
}

func timesOf(all []int64, overhead int64) *times {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	sum := 0.0
	for _, one := range all {
		sum += float64(one)
	}
	at := func(fraction float64) int64 {
		return max(0, all[int(float64(len(all)-1)*fraction)]-overhead)
	}
	return &times{sum/float64(len(all)) - float64(overhead), at(0.5), at(0.99), at(0.999), at(1)}
}

// clockOverhead is what reading the clock twice costs.
func clockOverhead() int64 {
	all := make([]int64, 1001)
	for i := range all {
		start := time.Now()
		all[i] = time.Since(start).Nanoseconds()
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func report(name, version string, count int64, used usage, samples []sample, acks []int64) string {
	wall, cpu := time.Since(used.began).Seconds(), cpu()-used.cpu
	after, peak := memory("VmRSS:"), memory("VmHWM:")
	var calls []int64
	var spent time.Duration
	for _, one := range samples {
		calls = append(calls, one.calls...)
		spent += one.wall
	}
	line, err := json.Marshal(struct {
		Peer      string  `json:"peer"`
		Version   string  `json:"version"`
		Messages  int64   `json:"messages"`
		Wall      float64 `json:"wall_s"`
		CPU       float64 `json:"cpu_s"`
		Peak      int64   `json:"rss_peak_kib"`
		Before    int64   `json:"rss_before_kib"`
		After     int64   `json:"rss_after_kib"`
		CallWall  float64 `json:"call_wall_ns"`
		CallTimes *times  `json:"call,omitempty"`
		AckTimes  *times  `json:"ack,omitempty"`
	}{name, version, count, wall, cpu, peak, used.memory, after, float64(spent.Nanoseconds()) / float64(count),
		timesOf(calls, clockOverhead()), timesOf(acks, 0)})
	if err != nil {
		fail(err.Error())
	}
	return string(line)
}
