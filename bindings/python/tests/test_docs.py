"""The programs in the documentation run as they are, with the mock cluster in the place of Kafka."""

import re
from pathlib import Path

from .support import TestCase, run_python

FOLDER = Path(__file__).parent.parent
PAGES = (FOLDER / "README.md", FOLDER.parent.parent / "docs" / "python.md")
KAFKA = re.compile(r'bootstrap_servers="[a-z0-9:,]+"|"bootstrap\.servers": "[a-z0-9:,]+"')


class Docs(TestCase):
    def test_every_program_runs(self):
        count = 0
        for page in PAGES:
            for program in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
                count += 1
                with self.subTest(page.name, program=program):
                    program, replaced = KAFKA.subn('**{"test.mock.num.brokers": 1}', program)
                    self.assertEqual(replaced, 1)
                    ran = run_python(program)
                    self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(count, 5)
