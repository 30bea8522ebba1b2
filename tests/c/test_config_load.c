/* ap_config_load(): files of key=value lines, all or nothing. */
#include "check.h"

static char path[] = "ap_config_XXXXXX";

/* The file gets this content. */
static void write_file(const char *content) {
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(content, 1, strlen(content), file), strlen(content));
    CHECK_EQ(fclose(file), 0);
}

static ap_status_t load(ap_config_t *config, const char *content, char *text, size_t room) {
    write_file(content);
    return ap_config_load(config, path, text, room);
}

static void check_value(const ap_config_t *config, const char *key, const char *expected) {
    char value[256];
    size_t len = sizeof value;
    CHECK_STATUS(ap_config_get(config, key, value, &len), AP_OK);
    CHECK_TEXT(value, expected);
}

static void lines_are_set(void) {
    ap_config_t *config = ap_config_new();
    char text[256] = "before";
    CHECK_STATUS(load(config,
                      "# a comment\n"
                      "bootstrap.servers=one:9092,two:9092\n"
                      "\n"
                      "   \t\n"
                      "  max_queue_size \t=  10  \n"
                      "  # another comment\n"
                      "client.id=a = b # no comment here\n"
                      "max_queue_size=20\n"
                      "max_buffer_size=5", /* the last line may lack its end */
                      text, sizeof text),
                 AP_OK);
    CHECK_TEXT(text, "");
    check_value(config, "bootstrap.servers", "one:9092,two:9092");
    check_value(config, "max_queue_size", "20");
    check_value(config, "client.id", "a = b # no comment here");
    check_value(config, "max_buffer_size", "5");
    ap_config_free(config);
}

static void empty_file_changes_nothing(void) {
    ap_config_t *config = config_with("max_queue_size", "7", NULL);
    CHECK_STATUS(load(config, "", NULL, 0), AP_OK);
    CHECK_STATUS(load(config, "\n# nothing\n\n", NULL, 0), AP_OK);
    check_value(config, "max_queue_size", "7");
    ap_config_free(config);
}

static void lines_may_end_as_on_windows(void) {
    ap_config_t *config = ap_config_new();
    CHECK_STATUS(load(config, "max_queue_size=9\r\n\r\n# x\r\nevent_mode=poll\r\n", NULL, 0), AP_OK);
    check_value(config, "max_queue_size", "9");
    check_value(config, "event_mode", "poll");
    ap_config_free(config);
}

/* Each wrong line stands third, after two good ones that must not be set. */
static void one_wrong_line_changes_nothing(void) {
    static const struct {
        const char *line, *named, *value;
    } mistakes[] = {
        {"max_buffer_size=0", "max_buffer_size", "0"},
        {"max_buffer_size=banana", "max_buffer_size", "banana"},
        {"no.such.property=1", "no.such.property", ""},
        {"acks=banana", "acks", "banana"},
        {"no equals sign", "key=value", ""}, /* not quoted: it may be half of a secret */
        {"=value alone", "", ""},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        ap_config_t *config = config_with("max_queue_size", "7", NULL);
        char content[256], text[512];
        snprintf(content, sizeof content, "max_queue_size=8\nclient.id=x\n%s\nmax_retries=3\n", mistakes[i].line);
        CHECK_STATUS(load(config, content, text, sizeof text), AP_ERR_CONFIG);
        CHECK_HAS(text, path);
        CHECK(strstr(text, ":3") != NULL || strstr(text, "line 3") != NULL);
        CHECK_HAS(text, mistakes[i].named);
        CHECK_HAS(text, mistakes[i].value);
        check_value(config, "max_queue_size", "7");
        check_value(config, "max_retries", "-1");
        ap_config_free(config);
    }
}

static void unsupported_property_is_said(void) {
    ap_config_t *config = ap_config_new();
    char text[512];
    CHECK_STATUS(load(config, "max_queue_size=8\ntransactional.id=mine\n", text, sizeof text), AP_ERR_UNSUPPORTED);
    CHECK_HAS(text, "transactional.id");
    check_value(config, "max_queue_size", "1000");
    ap_config_free(config);
}

static void unreadable_file_is_named(void) {
    ap_config_t *config = ap_config_new();
    char text[512];
    CHECK_STATUS(ap_config_load(config, "no/such/file.properties", text, sizeof text), AP_ERR_CONFIG);
    CHECK_HAS(text, "no/such/file.properties");
    CHECK_STATUS(ap_config_load(config, ".", text, sizeof text), AP_ERR_CONFIG); /* a directory */
    CHECK_STATUS(ap_config_load(config, "", text, sizeof text), AP_ERR_CONFIG);
    ap_config_free(config);
}

static void bytes_that_are_no_text_are_refused(void) {
    ap_config_t *config = ap_config_new();
    char text[512];
    CHECK_STATUS(load(config, "\xff\xfe=1\n", text, sizeof text), AP_ERR_CONFIG);
    CHECK_HAS(text, path);
    ap_config_free(config);
}

static void null_arguments_are_refused(void) {
    ap_config_t *config = ap_config_new();
    CHECK_STATUS(ap_config_load(config, NULL, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_load(NULL, path, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    ap_config_free(config);
}

int main(void) {
    int file = mkstemp(path);
    CHECK(file >= 0);
    close(file);
    watchdog(30);
    RUN(lines_are_set);
    RUN(empty_file_changes_nothing);
    RUN(lines_may_end_as_on_windows);
    RUN(one_wrong_line_changes_nothing);
    RUN(unsupported_property_is_said);
    RUN(unreadable_file_is_named);
    RUN(bytes_that_are_no_text_are_refused);
    RUN(null_arguments_are_refused);
    unlink(path);
    return 0;
}
