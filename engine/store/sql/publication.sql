CREATE TABLE publication (number BIGINT, as_of TIMESTAMPTZ);
COMMENT ON TABLE publication IS 'Which publication this catalog is; one row.';
COMMENT ON COLUMN publication.number IS 'Counts publications with new rows.';
COMMENT ON COLUMN publication.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE TABLE parts (table_name VARCHAR, file VARCHAR, row_count BIGINT, first_ts TIMESTAMPTZ, last_ts TIMESTAMPTZ);
COMMENT ON TABLE parts IS 'The Parquet files that the tables consist of.';
COMMENT ON COLUMN parts.table_name IS 'Table it belongs to.';
COMMENT ON COLUMN parts.file IS 'Path of the file, which never changes.';
COMMENT ON COLUMN parts.row_count IS 'Rows in it.';
COMMENT ON COLUMN parts.first_ts IS 'Earliest ts in it, UTC; NULL in one without rows.';
COMMENT ON COLUMN parts.last_ts IS 'Latest ts in it, UTC; NULL in one without rows.';
