"""Configuration: mappings, keywords, and the errors that name what is wrong."""

from async_producer import ConfigError, InvalidArgument, Producer, Status

from .support import NOWHERE, TestCase


class Config(TestCase):
    def stats_of(self, config=None, **keywords):
        return self.producer(config, **keywords).stats()

    def test_a_mapping_of_names_to_values(self):
        stats = self.stats_of({"bootstrap.servers": "127.0.0.1:1", "max_queue_size": 7, "max_buffer_size": "9"})
        self.assertEqual((stats.max_queue_size, stats.max_buffer_size), (7, 9))

    def test_keywords_have_underscores_for_dots(self):
        stats = self.stats_of(bootstrap_servers="127.0.0.1:1", max_queue_size=7, compression_codec="gzip", acks="all")
        self.assertEqual(stats.max_queue_size, 7)

    def test_keywords_come_after_the_mapping(self):
        self.assertEqual(self.stats_of({**NOWHERE, "max_queue_size": 7}, max_queue_size=8).max_queue_size, 8)

    def test_numbers_truth_values_and_lists(self):
        self.stats_of(
            bootstrap_servers=["127.0.0.1:1", "127.0.0.1:2"],
            enable_idempotence=False,
            delivery_interval=0.25,
            retry_backoff=1e-5,
        )

    def test_values_of_other_types_are_refused_by_name(self):
        for value in (None, {}, object(), b"bytes", [1]):
            with self.assertRaisesRegex(TypeError, "^max_queue_size must be str, int, float, bool or a list of str"):
                Producer(NOWHERE, max_queue_size=value)
        with self.assertRaisesRegex(TypeError, "^the name of a property must be str, not int$"):
            Producer({1: "x"})

    def test_an_unknown_property_is_named(self):
        for unknown in ({"no.such.property": 1}, {"no_such_property": 1}):
            with self.assertRaisesRegex(ConfigError, "no.such.property") as raised:
                Producer({**NOWHERE, **unknown})
            self.assertEqual(raised.exception.status, Status.CONFIG)
            self.assertEqual(str(raised.exception.status), "AP_ERR_CONFIG")
        with self.assertRaisesRegex(ConfigError, r"no\.such\.property"):
            Producer(NOWHERE, no_such_property=1)

    def test_a_value_out_of_range_is_named_with_what_is_allowed(self):
        with self.assertRaisesRegex(ConfigError, 'max_queue_size: "0" .* 1 to 10000000'):
            Producer(NOWHERE, max_queue_size=0)

    def test_missing_servers(self):
        with self.assertRaisesRegex(ConfigError, "bootstrap.servers"):
            Producer()

    def test_a_nul_is_refused_and_not_cut_off(self):
        with self.assertRaisesRegex(ConfigError, "sasl.password: a NUL"):
            Producer(NOWHERE, sasl_password="secret\0rest")

    def test_the_event_mode_is_the_bindings(self):
        with self.assertRaisesRegex(ConfigError, "event_mode"):
            Producer(NOWHERE, event_mode="callback")

    def test_overflow_wait_is_checked_by_the_library(self):
        with self.assertRaisesRegex(ConfigError, "overflow_wait"):
            Producer(NOWHERE, overflow_wait=-1)

    def test_exit_timeout(self):
        for timeout in (-1, float("nan"), None):
            with self.assertRaisesRegex(InvalidArgument, "exit_timeout"):
                Producer(NOWHERE, exit_timeout=timeout)
        with self.assertRaisesRegex(TypeError, "exit_timeout must be a number"):
            Producer(NOWHERE, exit_timeout="1")

    def test_a_failed_constructor_leaves_nothing_to_warn_of(self):
        with self.assertRaises(TypeError):
            Producer(NOWHERE, 1, 2)
