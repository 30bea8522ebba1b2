//go:build race

package asyncproducer_test

// raceEnabled says that the race detector is there, which allocates.
const raceEnabled = true
