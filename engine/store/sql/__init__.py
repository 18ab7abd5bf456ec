"""The SQL of this room: the tables, how a batch is loaded, the views of the catalog."""
