"""The SQL of the store: its tables, how a batch is loaded, the views of the catalog."""
