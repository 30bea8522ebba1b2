"""Builds the sink and the peers below target/bench. A peer that cannot be had here is left out, with the reason."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
WORK = TARGET / "bench"
BENCHES = ROOT / "benches"
CFLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CONFLUENT_KAFKA = "confluent-kafka==2.16.1"
NODE_RDKAFKA = "node-rdkafka@3.6.1"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def librdkafka():
    """The static libraries that this library was linked with, in the order of linking, and librdkafka's headers."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json"]
    messages = run(*command, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    out = {}
    for message in map(json.loads, messages):
        if message["reason"] == "build-script-executed":
            name = message["package_id"].rsplit("#", 1)[-1].split("@")[0]
            out[name] = Path(message["out_dir"])
    headers = out["rdkafka-sys"] / "src"
    openssl = out["openssl-sys"] / "openssl-build/install/lib"
    archives = [
        headers / "librdkafka.a",
        openssl / "libssl.a",
        openssl / "libcrypto.a",
        out["libz-sys"] / "lib/libz.a",
        out["zstd-sys"] / "libzstd.a",
    ]
    return headers, archives


def build_sink():
    run("cc", *CFLAGS, BENCHES / "sink/sink.c", "-o", WORK / "sink", "-pthread")


def build_async_producer():
    release = TARGET / "release"
    if not (release / "libasync_producer.so.0").exists():
        (release / "libasync_producer.so.0").symlink_to("libasync_producer.so")
    links = [f"-L{release}", "-lasync_producer", f"-Wl,-rpath,{release}", "-pthread"]
    source = BENCHES / "peers/async_producer.c"
    run("cc", *CFLAGS, "-g", f"-I{ROOT / 'include'}", source, "-o", WORK / "async_producer", *links)


def build_librdkafka(headers, archives):
    source = BENCHES / "peers/librdkafka.c"
    libraries = [*archives, "-pthread", "-ldl", "-lm"]
    run("cc", *CFLAGS, "-g", "-isystem", headers, source, "-o", WORK / "librdkafka", *libraries)


def build_threaded_producer():
    manifest = BENCHES / "peers/threaded_producer/Cargo.toml"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    run("cargo", "build", "--release", "--locked", "--manifest-path", manifest, env=environment)
    return [TARGET / "release/threaded_producer"]


def build_franz_go():
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false -mod=readonly"}
    environment.setdefault("GOCACHE", str(TARGET / "go/cache"))
    run("go", "build", "-o", WORK / "franz-go", ".", cwd=BENCHES / "peers/franz-go", env=environment)
    return [WORK / "franz-go"]


def fetch_java():
    """Kafka's own jars; the JVM as it is by default, not as the tests' brokers are run."""
    run(ROOT / "tests/kafka/kafka", "setup")
    home = Path(os.environ.get("KAFKA_HOME", ROOT / "target/kafka"))
    log = ROOT / "tests/kafka/log4j2.properties"
    java = ["java", f"-Dlog4j2.configurationFile={log}", "-Xmx1g", "-cp", f"{home}/jars/*"]
    return [*java, "org.apache.kafka.tools.ProducerPerformance"]


def fetch_confluent_python():
    python = WORK / "python/bin/python"
    if not python.exists():
        run(sys.executable, "-m", "venv", WORK / "python")
    # A wheel or nothing: its own librdkafka is inside.
    run(python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", CONFLUENT_KAFKA)
    return [python, BENCHES / "peers/python_peer.py", "confluent_kafka"]


def build_python_binding():
    return [sys.executable, BENCHES / "peers/python_peer.py", "async_producer"]


def build_node_rdkafka():
    """Its librdkafka is compiled, which takes minutes: its ready-made binaries are not on npm."""
    home = WORK / "node"
    if not (home / "node_modules/node-rdkafka/build/Release/node-librdkafka.node").exists():
        home.mkdir(exist_ok=True)
        headers = {} if "npm_config_nodedir" in os.environ else {"npm_config_nodedir": "/usr"}
        environment = {**os.environ, **headers, "BUILD_LIBRDKAFKA": "1"}
        run("npm", "install", "--no-save", "--prefix", home, NODE_RDKAFKA, env=environment, stdout=subprocess.DEVNULL)
    return node_peer("node-rdkafka")


def build_node_binding():
    if not (ROOT / "bindings/node/node_modules").exists():
        run("npm", "ci", "--ignore-scripts", cwd=ROOT / "bindings/node", stdout=subprocess.DEVNULL)
    return node_peer("async_producer")


def node_peer(name):
    return ["env", f"NODE_PEERS={WORK / 'node'}", "node", BENCHES / "peers/node_peer.js", name]


OTHERS = {
    "threaded_producer": build_threaded_producer,
    "franz-go": build_franz_go,
    "java": fetch_java,
    "confluent-kafka (Python)": fetch_confluent_python,
    "async_producer (Python)": build_python_binding,
    "node-rdkafka (Node)": build_node_rdkafka,
    "async_producer (Node)": build_node_binding,
}


def build(wanted):
    """The command of each peer, and why the others are missing. This library and librdkafka must be there."""
    WORK.mkdir(parents=True, exist_ok=True)
    headers, archives = librdkafka()
    build_sink()
    build_async_producer()
    build_librdkafka(headers, archives)
    commands = {"async_producer": [WORK / "async_producer"], "librdkafka": [WORK / "librdkafka"]}
    missing = {}
    for name, make in OTHERS.items():
        if wanted and name not in wanted:
            continue
        try:
            commands[name] = make()
        except (subprocess.CalledProcessError, OSError) as error:
            missing[name] = str(error).replace(str(ROOT), ".")
    return {name: [str(word) for word in command] for name, command in commands.items()}, missing
