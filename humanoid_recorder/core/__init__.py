"""Pure logic on the standard library and numpy: stamps, streams, samples, episodes, queue, ledger."""
