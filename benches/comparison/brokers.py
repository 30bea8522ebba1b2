"""What the peers produce to: nobody, the sink, or a real Kafka."""

import json
import shutil
import subprocess
import tempfile

from .build import ROOT, WORK

KAFKA = ROOT / "tests/kafka/kafka"
PARTITIONS = (1, 6)

# So that a long run does not fill the disk.
BOUNDED = [
    "log.retention.bytes=268435456",
    "log.segment.bytes=67108864",
    "log.retention.check.interval.ms=5000",
    "log.segment.delete.delay.ms=1000",
]


class Nobody:
    name = "nobody"
    bootstrap = "127.0.0.1:1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def counts(self):
        return None


class Sink:
    name = "sink"

    def __enter__(self):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([WORK / "sink"], stdin=pipe, stdout=pipe, text=True)
        self.bootstrap = "127.0.0.1:" + self.process.stdout.readline().strip().removeprefix("port=")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def counts(self):
        """Records, bytes and requests since the last call."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Kafka:
    name = "Kafka"

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="broker-", dir=WORK)
        started = self.call("start", *BOUNDED)
        self.bootstrap = started.strip().removeprefix("bootstrap=")
        for partitions in PARTITIONS:
            self.call("topic", f"bench-{partitions}", str(partitions))
        return self

    def __exit__(self, *_):
        self.call("kill")
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, command, *arguments):
        # The broker keeps the descriptors it is given: a file, not a pipe that would never end.
        with tempfile.TemporaryFile("w+") as output:
            command = [KAFKA, command, self.directory, *arguments]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=output)
            output.seek(0)
            return output.read()

    def counts(self):
        return None
