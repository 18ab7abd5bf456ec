"""The current snapshot and the state that outlives it; watch, compile beside, swap. The home of watchfiles."""
