SELECT relation.name, relation.comment, column_name, data_type, columns.comment
FROM (
    SELECT table_name AS name, comment FROM duckdb_tables()
    UNION ALL
    SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal
) AS relation
JOIN duckdb_columns() AS columns ON columns.table_name = relation.name
WHERE NOT columns.internal
ORDER BY relation.name, column_index
