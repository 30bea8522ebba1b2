package asyncproducer

import "time"

// SetPatience is for tests that must not depend on how fast the machine is; what it answers sets it back.
func SetPatience(d time.Duration) (restore func()) {
	before := patience
	patience = d
	return func() { patience = before }
}
