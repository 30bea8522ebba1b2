"""S1: the library is found, loaded and checked."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import async_producer
from async_producer import LibraryNotFound, _library

from .support import TestCase, run_python

PRINT_PATH = """
import async_producer
for line in open("/proc/self/maps"):
    if "libasync_producer" in line:
        print(line.split()[-1])
        break
"""


def library_file():
    """The file of the library that this process has loaded."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libasync_producer" in line:
            return line.split()[-1]
    raise AssertionError("no library is loaded")


class Library(TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)

    def environment(self, **changes):
        environment = {name: value for name, value in os.environ.items() if name != _library.ENVIRONMENT}
        return {**environment, "PYTHONDONTWRITEBYTECODE": "1", **changes}

    def test_S1_version(self):
        self.assertRegex(async_producer.library_version(), r"^0\.1\.\d+ \(librdkafka \d+\.\d+\.\d+\)$")
        self.assertRegex(async_producer.__version__, r"^0\.1\.\d+$")

    def test_first_the_environment_names_the_file(self):
        copy = self.directory / "any_name.libasync_producer.so"
        shutil.copy(library_file(), copy)
        ran = run_python(PRINT_PATH, env=self.environment(ASYNC_PRODUCER_LIBRARY=str(copy)))
        self.assertEqual((ran.returncode, ran.stdout.strip()), (0, str(copy)), ran.stderr)

    def test_second_a_library_in_the_folder_of_the_package(self):
        package = self.directory / "async_producer"
        shutil.copytree(Path(async_producer.__file__).parent, package)
        bundled = package / "libasync_producer.so.0"
        shutil.copy(library_file(), bundled)
        ran = run_python(PRINT_PATH, env=self.environment(PYTHONPATH=str(self.directory), LD_LIBRARY_PATH=""))
        self.assertEqual((ran.returncode, ran.stdout.strip()), (0, str(bundled)), ran.stderr)

    def test_third_the_loader_of_the_system(self):
        copy = self.directory / "libasync_producer.so.0"
        shutil.copy(library_file(), copy)
        ran = run_python(PRINT_PATH, env=self.environment(LD_LIBRARY_PATH=str(self.directory)))
        self.assertEqual((ran.returncode, ran.stdout.strip()), (0, str(copy)), ran.stderr)

    def test_a_library_that_is_not_there_says_what_was_tried(self):
        ran = run_python("import async_producer", env=self.environment(LD_LIBRARY_PATH=""))
        self.assertNotEqual(ran.returncode, 0)
        for tried in ("LibraryNotFound", "ASYNC_PRODUCER_LIBRARY (not set)", "async_producer/libasync_producer.so.0"):
            self.assertIn(tried, ran.stderr)

    def test_a_wrong_path_in_the_environment_is_not_passed_over(self):
        ran = run_python("import async_producer", env=self.environment(ASYNC_PRODUCER_LIBRARY="/nowhere/lib.so"))
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("ASYNC_PRODUCER_LIBRARY=/nowhere/lib.so", ran.stderr)

    def test_a_library_of_another_version_is_refused(self):
        own = tuple(int(part) for part in _library.__version__.split("."))
        self.assertEqual(own, (0, 1, 0))
        for accepted in (0x000100, 0x000101, 0x0001FF):
            _library._check_version(accepted)
        for refused in (0x000000, 0x000200, 0x010100, 0x010000):
            with self.assertRaisesRegex(LibraryNotFound, r"is version \d+\.\d+\.\d+; this package needs 0\.1\.0"):
                _library._check_version(refused)

    def test_it_is_an_import_error(self):
        self.assertTrue(issubclass(LibraryNotFound, ImportError))
        self.assertIn("async_producer", sys.modules)
