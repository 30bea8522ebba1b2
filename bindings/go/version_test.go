package asyncproducer

import (
	"errors"
	"strings"
	"testing"
)

func TestS1VersionOfTheRunningLibrary(t *testing.T) {
	if got := Version(); !strings.HasPrefix(got, "0.1.") || !strings.Contains(got, "librdkafka") {
		t.Errorf("Version() = %q", got)
	}
}

func TestAnotherVersionIsRefused(t *testing.T) {
	const built = 1<<16 | 2<<8 | 3
	for running, fits := range map[version]bool{
		built:                     true,
		built + 1:                 true,
		built - 1:                 false, // an older patch: what was added since is not there
		1<<16 | 3<<8 | 3:          false,
		1<<16 | 1<<8 | 9:          false,
		2<<16 | 2<<8 | 3:          false,
		0<<16 | 2<<8 | 3:          false,
		version(built + 0xFF - 3): true,
	} {
		err := checkVersion(running, built)
		if fits != (err == nil) {
			t.Errorf("%v: %v", running, err)
		}
		if err != nil && (!errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), running.String())) {
			t.Errorf("%v: %v", running, err)
		}
	}
}
