-- What a batch of journal records holds beside usage; few hold any. Runs in the transaction of load.sql.

CREATE OR REPLACE TEMP TABLE snapshots AS FROM read_json(
    getvariable('batch') || '/configs.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'record_id': 'VARCHAR',
        'at': 'TIMESTAMPTZ',
        'node': 'VARCHAR',
        'config_hash': 'VARCHAR',
        'bundle_hash': 'VARCHAR',
        'config_git_rev': 'VARCHAR',
        'result': 'VARCHAR',
        'files': 'MAP(VARCHAR, VARCHAR)',
        'problems': 'VARCHAR[]',
        'retention_days': 'INTEGER'
    }
);

INSERT INTO config_snapshots BY NAME SELECT * EXCLUDE ("at"), "at" AS ts FROM snapshots;

DELETE FROM retention WHERE EXISTS (FROM snapshots WHERE retention_days IS NOT NULL);
INSERT INTO retention
SELECT max_by(retention_days, "at") FROM snapshots WHERE retention_days IS NOT NULL HAVING count(*) > 0;

INSERT INTO events BY NAME
SELECT * EXCLUDE ("at"), "at" AS ts
FROM read_json(
    getvariable('batch') || '/events.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'record_id': 'VARCHAR',
        'at': 'TIMESTAMPTZ',
        'node': 'VARCHAR',
        'event': 'VARCHAR',
        'subject': 'VARCHAR',
        'detail': 'MAP(VARCHAR, VARCHAR)'
    }
);

-- What the configuration loaded last declares replaces what earlier ones declared; prices stay, for past usage.

CREATE OR REPLACE TEMP TABLE declared_models AS FROM read_json(
    getvariable('batch') || '/models.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'model': 'VARCHAR',
        'provider': 'VARCHAR',
        'upstream_model': 'VARCHAR',
        'context_tokens': 'BIGINT',
        'max_output_tokens': 'BIGINT',
        'input_modalities': 'VARCHAR[]',
        'output_modalities': 'VARCHAR[]',
        'features': 'VARCHAR[]',
        'surfaces': 'VARCHAR[]',
        'deprecated_on': 'DATE',
        'retired_on': 'DATE',
        'successor': 'VARCHAR',
        'place': 'VARCHAR',
        'config_hash': 'VARCHAR'
    }
);
CREATE OR REPLACE TEMP TABLE declared_providers AS FROM read_json(
    getvariable('batch') || '/providers.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'provider': 'VARCHAR',
        'name': 'VARCHAR',
        'protocol': 'VARCHAR',
        'base_url': 'VARCHAR',
        'data': 'MAP(VARCHAR, VARCHAR)',
        'discount_numerator': 'BIGINT',
        'discount_denominator': 'BIGINT',
        'disabled': 'VARCHAR',
        'place': 'VARCHAR',
        'config_hash': 'VARCHAR'
    }
);
CREATE OR REPLACE TEMP TABLE declared_prices AS FROM read_json(
    getvariable('batch') || '/prices.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'price_id': 'VARCHAR',
        'provider': 'VARCHAR',
        'model': 'VARCHAR',
        'from_at': 'TIMESTAMPTZ',
        'above_input_tokens': 'BIGINT',
        'input_pusd_per_token': 'BIGINT',
        'cached_input_pusd_per_token': 'BIGINT',
        'cache_write_pusd_per_token': 'BIGINT',
        'cache_write_1h_pusd_per_token': 'BIGINT',
        'audio_input_pusd_per_token': 'BIGINT',
        'image_input_pusd_per_token': 'BIGINT',
        'output_pusd_per_token': 'BIGINT',
        'reasoning_pusd_per_token': 'BIGINT',
        'audio_output_pusd_per_token': 'BIGINT',
        'image_output_pusd_per_token': 'BIGINT',
        'request_pusd': 'BIGINT',
        'image_pusd': 'BIGINT',
        'audio_minute_pusd': 'BIGINT',
        'character_pusd': 'BIGINT',
        'search_pusd': 'BIGINT',
        'source': 'VARCHAR',
        'config_hash': 'VARCHAR'
    }
);
DELETE FROM models WHERE EXISTS (FROM declared_providers);
INSERT INTO models BY NAME FROM declared_models;
DELETE FROM providers WHERE EXISTS (FROM declared_providers);
INSERT INTO providers BY NAME FROM declared_providers;
DELETE FROM prices WHERE price_id IN (SELECT price_id FROM declared_prices);
INSERT INTO prices BY NAME FROM declared_prices;

INSERT INTO unreadable BY NAME
FROM read_json(
    getvariable('batch') || '/unreadable.ndjson',
    format = 'newline_delimited',
    maximum_object_size = 33554432,
    columns = {
        'segment': 'VARCHAR',
        'byte_offset': 'BIGINT',
        'reason': 'VARCHAR'
    }
);
