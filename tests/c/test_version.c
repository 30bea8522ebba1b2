/* ap_version() and ap_version_string() against the macros of the header. */
#include "check.h"

static void number_is_the_headers(void) {
    CHECK_EQ(ap_version(), AP_VERSION_NUMBER);
    CHECK_EQ(ap_version() >> 16, AP_VERSION_MAJOR);
    CHECK_EQ(ap_version() >> 8 & 0xff, AP_VERSION_MINOR);
    CHECK_EQ(ap_version() & 0xff, AP_VERSION_PATCH);
}

static void macros_agree(void) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", AP_VERSION_MAJOR, AP_VERSION_MINOR, AP_VERSION_PATCH);
    CHECK_TEXT(AP_VERSION_STRING, text);
}

static void string_names_librdkafka_too(void) {
    const char *text = ap_version_string();
    int major = -1, minor = -1, patch = -1;
    char end = 0;
    CHECK_EQ(strncmp(text, AP_VERSION_STRING " (librdkafka ", strlen(AP_VERSION_STRING " (librdkafka ")), 0);
    CHECK_EQ(sscanf(strchr(text, '(') + 1, "librdkafka %d.%d.%d%c", &major, &minor, &patch, &end), 4);
    CHECK_AT_LEAST(major, 2);
    CHECK_EQ(end, ')');
    CHECK(text == ap_version_string());
}

int main(void) {
    watchdog(30);
    RUN(number_is_the_headers);
    RUN(macros_agree);
    RUN(string_names_librdkafka_too);
    return 0;
}
