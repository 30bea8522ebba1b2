package asyncproducer

// #include <async_producer.h>
import "C"

import "fmt"

// Version is that of the running library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)".
func Version() string {
	return C.GoString(C.ap_version_string())
}

// version is (major << 16) | (minor << 8) | patch.
type version uint32

func (v version) String() string {
	return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xFF, v&0xFF)
}

// checkVersion refuses a library that is not of the minor version this package was built with, or is older.
func checkVersion(running, built version) error {
	if running>>8 == built>>8 && running >= built {
		return nil
	}
	text := fmt.Sprintf("libasync_producer %v is loaded; %v or a later patch of %d.%d is needed", running, built,
		built>>16, built>>8&0xFF)
	return &Error{Status: ErrUnsupported, Text: text}
}
