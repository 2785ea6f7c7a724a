"""One file per source, and beside them what sources share: contract, sink, run loop."""
