//go:build !race

package asyncproducer_test

const raceEnabled = false
