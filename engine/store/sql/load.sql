-- One batch of journal records, as newline JSON, into the tables. Runs in the transaction that moves the positions.
-- Types are said rather than guessed; a key that is not there is NULL.

INSERT INTO requests BY NAME
SELECT * EXCLUDE ("at"), "at" AS ts
FROM read_json(
    getvariable('batch') || '/requests.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'request_id': 'VARCHAR',
        'at': 'TIMESTAMPTZ',
        'node': 'VARCHAR',
        'consumer': 'VARCHAR',
        'team': 'VARCHAR',
        'cost_center': 'VARCHAR',
        'key_label': 'VARCHAR',
        'end_user': 'VARCHAR',
        'source_ip_prefix': 'VARCHAR',
        'tags': 'MAP(VARCHAR, VARCHAR)',
        'headers': 'MAP(VARCHAR, VARCHAR)',
        'metadata': 'MAP(VARCHAR, VARCHAR)',
        'trace_id': 'VARCHAR',
        'surface': 'VARCHAR',
        'stream': 'BOOLEAN',
        'requested_model': 'VARCHAR',
        'resolved_model': 'VARCHAR',
        'provider': 'VARCHAR',
        'route': 'VARCHAR',
        'rule_place': 'VARCHAR',
        'config_hash': 'VARCHAR',
        'config_git_rev': 'VARCHAR',
        'has_tools': 'BOOLEAN',
        'has_images': 'BOOLEAN',
        'has_audio': 'BOOLEAN',
        'has_files': 'BOOLEAN',
        'wants_json': 'BOOLEAN',
        'reasoning': 'BOOLEAN',
        'input_tokens_estimate': 'BIGINT',
        'max_tokens': 'BIGINT',
        'decision': 'VARCHAR',
        'dropped_params': 'VARCHAR[]',
        'ttft_ms': 'DOUBLE',
        'total_ms': 'DOUBLE',
        'status': 'INTEGER',
        'error_kind': 'VARCHAR',
        'error_code': 'VARCHAR',
        'finish_reason': 'VARCHAR',
        'unlisted': 'BOOLEAN',
        'price_id': 'VARCHAR',
        'cost_pusd': 'BIGINT',
        'cost_problem': 'VARCHAR',
        'input_tokens': 'BIGINT',
        'cached_input_tokens': 'BIGINT',
        'cache_write_tokens': 'BIGINT',
        'cache_write_1h_tokens': 'BIGINT',
        'audio_input_tokens': 'BIGINT',
        'image_input_tokens': 'BIGINT',
        'output_tokens': 'BIGINT',
        'reasoning_tokens': 'BIGINT',
        'audio_output_tokens': 'BIGINT',
        'image_output_tokens': 'BIGINT',
        'usage_source': 'VARCHAR',
        'images': 'BIGINT',
        'audio_ms': 'BIGINT',
        'characters': 'BIGINT',
        'search_units': 'BIGINT'
    }
);

INSERT INTO attempts BY NAME
SELECT * EXCLUDE ("at"), "at" AS ts
FROM read_json(
    getvariable('batch') || '/attempts.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'request_id': 'VARCHAR',
        'at': 'TIMESTAMPTZ',
        'n': 'INTEGER',
        'role': 'VARCHAR',
        'reason': 'VARCHAR',
        'provider': 'VARCHAR',
        'model': 'VARCHAR',
        'upstream_model': 'VARCHAR',
        'address': 'VARCHAR',
        'key_label': 'VARCHAR',
        'upstream_request_id': 'VARCHAR',
        'started_ms': 'DOUBLE',
        'connect_ms': 'DOUBLE',
        'ttfb_ms': 'DOUBLE',
        'total_ms': 'DOUBLE',
        'status': 'INTEGER',
        'error_kind': 'VARCHAR',
        'error_detail': 'VARCHAR',
        'sent_bytes': 'BIGINT',
        'received_bytes': 'BIGINT',
        'price_id': 'VARCHAR',
        'list_cost_pusd': 'BIGINT',
        'cost_pusd': 'BIGINT',
        'cost_problem': 'VARCHAR',
        'input_tokens': 'BIGINT',
        'cached_input_tokens': 'BIGINT',
        'cache_write_tokens': 'BIGINT',
        'cache_write_1h_tokens': 'BIGINT',
        'audio_input_tokens': 'BIGINT',
        'image_input_tokens': 'BIGINT',
        'output_tokens': 'BIGINT',
        'reasoning_tokens': 'BIGINT',
        'audio_output_tokens': 'BIGINT',
        'image_output_tokens': 'BIGINT',
        'usage_source': 'VARCHAR',
        'images': 'BIGINT',
        'audio_ms': 'BIGINT',
        'characters': 'BIGINT',
        'search_units': 'BIGINT'
    }
);

-- Where the batch ends in each segment.

CREATE OR REPLACE TEMP TABLE reached AS FROM read_json(
    getvariable('batch') || '/positions.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'segment': 'VARCHAR',
        'byte_offset': 'BIGINT'
    }
);
DELETE FROM positions WHERE segment IN (SELECT segment FROM reached);
INSERT INTO positions FROM reached;
