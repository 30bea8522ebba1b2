/* ap_status_name() and ap_status_message(): every status, and every number that is none. */
#include "check.h"

#include <ctype.h>

static const struct {
    ap_status_t status;
    int32_t number; /* written out: values never change once released */
    const char *name;
} STATUSES[] = {
    {AP_OK, 0, "AP_OK"},
    {AP_ERR_INVALID_ARGUMENT, -1, "AP_ERR_INVALID_ARGUMENT"},
    {AP_ERR_BUFFER_OVERFLOW, -2, "AP_ERR_BUFFER_OVERFLOW"},
    {AP_ERR_MESSAGE_TOO_LARGE, -3, "AP_ERR_MESSAGE_TOO_LARGE"},
    {AP_ERR_SHUT_DOWN, -4, "AP_ERR_SHUT_DOWN"},
    {AP_ERR_TIMED_OUT, -5, "AP_ERR_TIMED_OUT"},
    {AP_ERR_CONFIG, -6, "AP_ERR_CONFIG"},
    {AP_ERR_CLIENT, -7, "AP_ERR_CLIENT"},
    {AP_ERR_UNDELIVERED, -8, "AP_ERR_UNDELIVERED"},
    {AP_ERR_WOULD_DEADLOCK, -9, "AP_ERR_WOULD_DEADLOCK"},
    {AP_ERR_NO_MEMORY, -10, "AP_ERR_NO_MEMORY"},
    {AP_ERR_INTERNAL, -11, "AP_ERR_INTERNAL"},
    {AP_ERR_UNSUPPORTED, -12, "AP_ERR_UNSUPPORTED"},
};

enum { STATUS_COUNT = sizeof STATUSES / sizeof STATUSES[0] };

static void numbers_never_change(void) {
    for (int i = 0; i < STATUS_COUNT; i++) CHECK_EQ(STATUSES[i].status, STATUSES[i].number);
}

static void each_has_its_name(void) {
    for (int i = 0; i < STATUS_COUNT; i++) CHECK_TEXT(ap_status_name(STATUSES[i].status), STATUSES[i].name);
}

static void each_has_a_sentence_of_its_own(void) {
    for (int i = 0; i < STATUS_COUNT; i++) {
        const char *sentence = ap_status_message(STATUSES[i].status);
        CHECK(sentence != NULL && strlen(sentence) > 3);
        CHECK(isupper((unsigned char)sentence[0]));
        CHECK_EQ(sentence[strlen(sentence) - 1], '.');
        for (int j = 0; j < i; j++) CHECK(strcmp(sentence, ap_status_message(STATUSES[j].status)) != 0);
    }
}

static void strings_are_static(void) {
    for (int i = 0; i < STATUS_COUNT; i++) {
        CHECK(ap_status_name(STATUSES[i].status) == ap_status_name(STATUSES[i].status));
        CHECK(ap_status_message(STATUSES[i].status) == ap_status_message(STATUSES[i].status));
    }
}

static void other_numbers_are_unknown(void) {
    static const int32_t others[] = {1, 2, 12, 100, -13, -14, -1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_TEXT(ap_status_name(others[i]), "AP_ERR_UNKNOWN");
        CHECK_TEXT(ap_status_message(others[i]), "Unknown status.");
    }
}

int main(void) {
    watchdog(30);
    RUN(numbers_never_change);
    RUN(each_has_its_name);
    RUN(each_has_a_sentence_of_its_own);
    RUN(strings_are_static);
    RUN(other_numbers_are_unknown);
    return 0;
}
