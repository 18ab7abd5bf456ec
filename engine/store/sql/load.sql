-- One batch of journal records, as newline JSON, into the tables. Runs in the transaction that moves the positions.
-- Types are declared rather than guessed. A missing key is NULL, or the usual value, which lines leave out
-- (`batch.USUAL`). Counts of tokens are left out when 0, their source when `reported`; without usage all are NULL.

INSERT INTO requests BY NAME
SELECT * EXCLUDE ("at", usage, measures) REPLACE (
    coalesce(stream, false) AS stream,
    coalesce(has_tools, false) AS has_tools,
    coalesce(has_images, false) AS has_images,
    coalesce(has_audio, false) AS has_audio,
    coalesce(has_files, false) AS has_files,
    coalesce(wants_json, false) AS wants_json,
    coalesce(reasoning, false) AS reasoning,
    coalesce(unlisted, false) AS unlisted,
    coalesce(end_user, '') AS end_user,
    coalesce(trace_id, '') AS trace_id,
    coalesce(config_git_rev, '') AS config_git_rev,
    coalesce(tags, MAP {}) AS tags,
    coalesce(headers, MAP {}) AS headers,
    coalesce(metadata, MAP {}) AS metadata,
    coalesce(dropped_params, []) AS dropped_params
),
    "at" AS ts,
    coalesce(usage.input, if(usage IS NULL, NULL, 0)) AS input_tokens,
    coalesce(usage.cached_input, if(usage IS NULL, NULL, 0)) AS cached_input_tokens,
    coalesce(usage.cache_write, if(usage IS NULL, NULL, 0)) AS cache_write_tokens,
    coalesce(usage.cache_write_1h, if(usage IS NULL, NULL, 0)) AS cache_write_1h_tokens,
    coalesce(usage.audio_input, if(usage IS NULL, NULL, 0)) AS audio_input_tokens,
    coalesce(usage.image_input, if(usage IS NULL, NULL, 0)) AS image_input_tokens,
    coalesce(usage.output, if(usage IS NULL, NULL, 0)) AS output_tokens,
    coalesce(usage.reasoning, if(usage IS NULL, NULL, 0)) AS reasoning_tokens,
    coalesce(usage.audio_output, if(usage IS NULL, NULL, 0)) AS audio_output_tokens,
    coalesce(usage.image_output, if(usage IS NULL, NULL, 0)) AS image_output_tokens,
    coalesce(usage.source, if(usage IS NULL, NULL, 'reported')) AS usage_source,
    measures.images,
    measures.audio_ms,
    measures.characters,
    measures.search_units
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
        'usage': 'STRUCT(
            input BIGINT, cached_input BIGINT, cache_write BIGINT, cache_write_1h BIGINT,
            audio_input BIGINT, image_input BIGINT, output BIGINT, reasoning BIGINT,
            audio_output BIGINT, image_output BIGINT, source VARCHAR
        )',
        'measures': 'STRUCT(images BIGINT, audio_ms BIGINT, characters BIGINT, search_units BIGINT)'
    }
);

INSERT INTO attempts BY NAME
SELECT * EXCLUDE ("at", usage, measures) REPLACE (
    coalesce(upstream_request_id, '') AS upstream_request_id,
    coalesce(error_detail, '') AS error_detail
),
    "at" AS ts,
    coalesce(usage.input, if(usage IS NULL, NULL, 0)) AS input_tokens,
    coalesce(usage.cached_input, if(usage IS NULL, NULL, 0)) AS cached_input_tokens,
    coalesce(usage.cache_write, if(usage IS NULL, NULL, 0)) AS cache_write_tokens,
    coalesce(usage.cache_write_1h, if(usage IS NULL, NULL, 0)) AS cache_write_1h_tokens,
    coalesce(usage.audio_input, if(usage IS NULL, NULL, 0)) AS audio_input_tokens,
    coalesce(usage.image_input, if(usage IS NULL, NULL, 0)) AS image_input_tokens,
    coalesce(usage.output, if(usage IS NULL, NULL, 0)) AS output_tokens,
    coalesce(usage.reasoning, if(usage IS NULL, NULL, 0)) AS reasoning_tokens,
    coalesce(usage.audio_output, if(usage IS NULL, NULL, 0)) AS audio_output_tokens,
    coalesce(usage.image_output, if(usage IS NULL, NULL, 0)) AS image_output_tokens,
    coalesce(usage.source, if(usage IS NULL, NULL, 'reported')) AS usage_source,
    measures.images,
    measures.audio_ms,
    measures.characters,
    measures.search_units
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
        'usage': 'STRUCT(
            input BIGINT, cached_input BIGINT, cache_write BIGINT, cache_write_1h BIGINT,
            audio_input BIGINT, image_input BIGINT, output BIGINT, reasoning BIGINT,
            audio_output BIGINT, image_output BIGINT, source VARCHAR
        )',
        'measures': 'STRUCT(images BIGINT, audio_ms BIGINT, characters BIGINT, search_units BIGINT)'
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
