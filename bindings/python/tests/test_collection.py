"""Nothing keeps a producer alive that nobody has any more, and nothing of it stays behind."""

import gc
import threading
import warnings
import weakref

from async_producer import DeliveryFailed, EventType, Producer

from .support import LONG, MOCK, NOWHERE, TestCase, open_descriptors, threads_of_the_package


class Collection(TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", ResourceWarning)
        self.addCleanup(warnings.resetwarnings)
        gc.disable()
        self.addCleanup(gc.enable)

    def test_a_producer_is_freed_with_its_last_reference(self):
        producer = Producer(NOWHERE, on_event=None)
        future = producer.send("t", "v")
        reference = weakref.ref(producer)
        del producer
        self.assertIsNone(reference(), "without the collector of cycles")
        self.assertIsInstance(future.exception(LONG), DeliveryFailed)
        self.eventually(lambda: not threads_of_the_package())

    def test_one_that_was_never_used_too(self):
        reference = weakref.ref(Producer(NOWHERE))
        self.assertIsNone(reference())

    def test_a_cycle_through_the_handler_is_collected(self):
        class Application:
            def __init__(self):
                self.producer = Producer(NOWHERE, on_event=self.handle, events=EventType.DROPPED)

            def handle(self, event):
                pass

        application = Application()
        application.producer.produce("t", "v")
        reference = weakref.ref(application.producer)
        del application
        gc.collect()
        self.assertIsNone(reference())
        self.eventually(lambda: not threads_of_the_package())

    def test_in_the_handler_itself(self):
        holder, done = {}, threading.Event()

        def handler(event):
            holder.clear()
            done.set()

        holder["producer"] = Producer(MOCK, on_event=handler, events=EventType.DELIVERED)
        reference = weakref.ref(holder["producer"])
        holder["producer"].produce("t", "v")
        self.assertTrue(done.wait(LONG))
        self.eventually(lambda: reference() is None and not threads_of_the_package())

    def test_a_warning_where_it_was_used_and_not_shut_down(self):
        warnings.simplefilter("always", ResourceWarning)
        producer = Producer(NOWHERE, on_event=None)
        producer.produce("t", "v")
        with self.assertWarnsRegex(ResourceWarning, "Producer open> was not shut down"):
            del producer
        with warnings.catch_warnings(record=True) as caught:
            Producer(NOWHERE)  # never used
            with Producer(MOCK) as producer:
                producer.produce("t", "v")
            del producer
        self.assertEqual([str(warning.message) for warning in caught], [])

    def test_S11_descriptors_and_threads_are_given_back(self):
        def live():
            with Producer(MOCK, on_event=None) as producer:
                producer.produce("t", "v")
            unused = Producer(NOWHERE)
            unused.close()
            dropped = Producer(NOWHERE, on_event=None)
            dropped.produce("t", "v")
            del dropped

        live()
        self.eventually(lambda: not threads_of_the_package())
        before = open_descriptors()
        for _ in range(10):
            live()
        self.eventually(lambda: not threads_of_the_package() and open_descriptors() <= before)

    def test_S11_closing_closes_nobody_elses_descriptor(self):
        for _ in range(10):
            producer = Producer(NOWHERE, on_event=None)
            producer.produce("t", "v")
            producer.close()
            self.eventually(lambda: not threads_of_the_package())
            files = [open("/dev/null") for _ in range(10)]  # noqa: SIM115
            producer.close()
            del producer
            for file in files:
                file.read()
                file.close()
