"""The linked tree → the frozen parts of a snapshot: one module per noun of the configuration."""
