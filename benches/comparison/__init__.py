"""The benchmark that runs this library beside its peers: see benches/compare."""
